"""Levels: agents that propose what to do, and agents that do it."""
