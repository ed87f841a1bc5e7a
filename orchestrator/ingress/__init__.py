"""The HTTP API: a FastAPI application over a `Gateway`, deployed on Ray Serve.

Here: routes, request and response formats, OpenAPI. Not here: what requests do (`gateway`, `reconciler`).
"""
