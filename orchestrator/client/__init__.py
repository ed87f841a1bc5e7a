"""The client: what the HTTP API offers, in Python, with and without ``await``.

Here: requests and typed errors. Not here: the command line (`cli`), which uses it.
"""

from orchestrator.client.client import Client

__all__ = ["Client"]
