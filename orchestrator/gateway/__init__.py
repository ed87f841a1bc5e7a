"""The gateway between HTTP handlers and shards: a protocol, an implementation on Ray, and one in memory.

Here: routing of requests to shards by task id. Not here: HTTP (`ingress`) and the runs themselves (`reconciler`).
"""
