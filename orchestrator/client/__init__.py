"""The client: the HTTP API in Python, with and without ``await``.

Here: requests and typed errors. Not here: the command line (`cli`), which uses the client.
"""

from orchestrator.client.client import Client

__all__ = ["Client"]
