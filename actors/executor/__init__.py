"""Executors carry out attempts: on Ray, or in this process for tests.

Here: fencing, hosts, nodes, the execution of one attempt. Not here: limits (`admission`), outputs (`payloads`).
"""
