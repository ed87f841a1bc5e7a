"""Benchmarks import the service; Ray Serve warns when it is first imported, and that is no fault of ours."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ray.serve  # noqa: F401
