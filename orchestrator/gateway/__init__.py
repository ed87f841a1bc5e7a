"""The gateway between HTTP and the shards: one protocol, one implementation on Ray and one in memory.

Here: routing of requests to shards. Not here: HTTP itself (`ingress`), runs (`reconciler`).
"""
