"""Logs of attempts: what agents print and log, captured in their process, bounded, and sent in batches.

Here: capture, bounds, and a ring in shared memory from which the lines of a killed process are read. Not here: how they
travel (`actors.executor`) and where they are stored (`reconciler.journal`).
"""
