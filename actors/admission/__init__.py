"""Admission of attempts: concurrency and rate limits of agents and providers, and the queues before them.

Here: when an attempt may start. Not here: where it runs (`executor`) and what it runs (`kinds`).
"""
