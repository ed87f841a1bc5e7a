"""The run state machine: events in, commands out, and everything that decides between them.

Here: pure policy. Not here: asyncio, Ray, clocks, SQL.
"""
