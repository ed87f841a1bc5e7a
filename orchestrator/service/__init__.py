"""The service as Ray actors: starts all parts, connects them, and shuts them down.

Here: wiring, the connection to Ray, and the planners and the learner as a shard uses them. Not here: HTTP (`ingress`).
"""
