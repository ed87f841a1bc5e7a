"""The vocabulary (task, workflow, step, binding, agent, plan, cluster) and the planners. Pure: no Ray, no I/O.

Here: validation, expansion, work keys, eligibility, and in subpackages the speculative and the optimal planner.
Not here: running plans (`reconciler`), hosting agents (`actors`), learning (`learner`).
"""
