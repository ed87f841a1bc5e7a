"""Benchmarks import the service, and Ray Serve warns when first imported: here that is no error yet."""

import ray.serve  # noqa: F401 -- imported for its warnings
