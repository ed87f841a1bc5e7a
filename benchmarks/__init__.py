"""Benchmarks: each a module whose `run` returns its figures; `forerun bench NAME` runs one. The rest is support."""

BENCHMARKS = ("burst", "drift", "fanout", "headstart", "learning", "planner", "similarity", "speculation")
