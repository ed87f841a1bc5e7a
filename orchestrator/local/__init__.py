"""The service in one process, without Ray: the real state machine, planners and gate over a `LocalExecutor`.

Here: `LocalService`, running one task to its end, virtual time, and finding the agents of a task. Not here: HTTP, the
learner, and anything that outlives the process.
"""
