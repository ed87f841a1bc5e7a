"""Executors carry out attempts: on Ray, or in this process for tests.

Here: fencing, hosts, nodes and the execution of one attempt. Not here: provider limits (`admission`), outputs (`payloads`).
"""
