"""The host actors of one executor: one per node, started when first needed, replaced when dead."""

import asyncio
import contextlib
from typing import Any

import ray

from actors.executor.host import MAX_AGENTS_PER_HOST, Host
from actors.executor.nodes import pinned
from planners.model import NodeId


class Hosts:
    """Node -> its host actor."""

    def __init__(self) -> None:
        self._starting: dict[NodeId, asyncio.Task[Any]] = {}
        self._ready: dict[NodeId, Any] = {}

    async def on(self, node: NodeId) -> Any:
        """The node's host, ready.

        Raises:
            RayError: it cannot be started there.
            NoSuchNode: there is no such node.
        """
        if (ready := self._ready.get(node)) is not None:
            return ready
        if node not in self._starting:
            starting = self._starting[node] = asyncio.ensure_future(self._start(node))
            starting.add_done_callback(lambda started: self._started(node, started))
        return await asyncio.shield(self._starting[node])

    def drop(self, node: NodeId, host: Any = None) -> None:
        """Kill the node's host, if it is still this one (None: whichever)."""
        known = self._ready.get(node)
        if known is not None and host in (None, known):
            del self._ready[node]
            _kill(known)

    def close(self) -> None:
        """Kill all hosts."""
        for starting in list(self._starting.values()):
            starting.cancel()
        for node in list(self._ready):
            self.drop(node)

    def _started(self, node: NodeId, starting: asyncio.Task[Any]) -> None:
        self._starting.pop(node, None)
        if not starting.cancelled():
            starting.exception()  # retrieved here for when whoever asked has been flushed meanwhile

    async def _start(self, node: NodeId) -> Any:
        host = Host.options(max_concurrency=MAX_AGENTS_PER_HOST, scheduling_strategy=pinned(node)).remote()  # type: ignore[attr-defined]  # Ray adds it
        await host.pid.remote()
        self._ready[node] = host
        return host


def _kill(host: Any) -> None:
    with contextlib.suppress(Exception):  # it may be gone already, and Ray with it
        ray.kill(host)
