"""The HTTP face: a FastAPI app over a `Gateway`, hosted by Ray Serve."""
