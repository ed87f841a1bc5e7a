"""Executors run attempts: on Ray, or in this process for tests.

Here: fencing, host processes, nodes, the execution of one attempt. Not here: limits (`admission`), outputs
(`payloads`), what a kind of agent does (`kinds`).
"""
