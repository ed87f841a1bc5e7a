"""The service: joins all parts on a Ray cluster and ends them cleanly.

Here: wiring, the connection to Ray, planners and advice as a shard sees them. Not here: HTTP (`ingress`).
"""
