"""Agents that other servers offer: found when a catalog is read, and added to it as entries.

One module per protocol. Not here: how such agents are called (`kinds`).
"""
