"""Benchmarks: `forerun bench NAME` calls `run` of the module NAME and prints its figures. Other modules are support."""

BENCHMARKS = (
    "burst",
    "callbacks",
    "drift",
    "fanout",
    "federated",
    "headstart",
    "kernel",
    "learning",
    "logs",
    "many",
    "peers",
    "planner",
    "rate",
    "routes",
    "similarity",
    "speculation",
    "startup",
    "sync",
    "textbook",
)
