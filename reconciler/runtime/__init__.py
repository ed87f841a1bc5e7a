"""Runs a shard: event loops, planning sessions, recovery, and the Ray actor around them.

Here: the edges of the state machine and the ports it needs. Not here: policy (`state`).
"""
