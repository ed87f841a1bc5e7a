"""Benchmarks: each a function that returns its figures; `forerun bench NAME` runs them."""
