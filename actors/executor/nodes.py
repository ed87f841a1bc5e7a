"""Whether the nodes of the cluster are alive. Ray takes some 13 s to declare one dead; this takes seconds."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.errors import NoSuchNode
from planners.model import NodeId
from planners.resources import CONTAINERS, Resources

_CONNECT_S = 2.0
_BEATS_PER_TIMEOUT = 5


async def list_nodes() -> list[dict[str, Any]]:
    """`ray.nodes()`, off the event loop: it asks Ray's control store and blocks."""
    return await asyncio.to_thread(ray.nodes)


async def free_resources() -> dict[NodeId, dict[str, float]]:
    """Ray's amounts of each node that nothing holds, off the event loop."""
    free = ray._private.state.available_resources_per_node  # noqa: SLF001 - Ray has no public call for it
    return await asyncio.to_thread(free)


def pinned(node: NodeId) -> NodeAffinitySchedulingStrategy:
    """On this node or nowhere.

    Raises:
        NoSuchNode: this is not the id of a node.
    """
    try:
        return NodeAffinitySchedulingStrategy(node, soft=False)
    except ValueError:
        raise NoSuchNode(f"there is no node '{node}'", "node", "plan on the nodes of a snapshot") from None


class NodeProbe:
    """Tells whether a node is alive. Calls while a probe is under way share its result."""

    def __init__(self) -> None:
        self._probes: dict[NodeId, asyncio.Task[bool]] = {}

    async def is_alive(self, node: NodeId) -> bool:
        """Whether Ray lists the node as alive and its raylet accepts a connection."""
        if node not in self._probes:
            probe = self._probes[node] = asyncio.ensure_future(_is_alive(node))
            probe.add_done_callback(lambda _: self._probes.pop(node))
        return await asyncio.shield(self._probes[node])


class NodeHeartbeats:
    """Connects to the raylet of every node in turn, and reports nodes that have not answered for ``timeout_s``.

    Call `watch` whenever the nodes are listed, `start` once. A node is reported once; when it answers again, that is
    reported too, so that what still runs there can be stopped.
    """

    def __init__(
        self,
        timeout_s: float,
        missed: Callable[[NodeId], None],
        healed: Callable[[NodeId], None] = lambda _: None,
    ) -> None:
        self._timeout_s = timeout_s
        self._missed = missed
        self._healed = healed
        self._addresses: dict[NodeId, tuple[str, int]] = {}
        self._answered_s: dict[NodeId, float] = {}
        self._lost: set[NodeId] = set()
        self._beating: asyncio.Task[None] | None = None

    def watch(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Watch exactly these nodes of Ray's list."""
        now_s = asyncio.get_running_loop().time()
        self._addresses = {
            NodeId(entry["NodeID"]): (entry["NodeManagerAddress"], entry["NodeManagerPort"]) for entry in entries
        }
        self._answered_s = {node: self._answered_s.get(node, now_s) for node in self._addresses}
        self._lost &= self._addresses.keys()

    def start(self) -> None:
        """Start to ask."""
        self._beating = asyncio.get_running_loop().create_task(self._keep_beating())

    async def stop(self) -> None:
        """Stop asking."""
        if self._beating is not None:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating

    async def beat(self) -> None:
        """Ask every node once, and report what has changed."""
        loop, interval_s = asyncio.get_running_loop(), self._timeout_s / _BEATS_PER_TIMEOUT
        asked_s, asked = loop.time(), dict(self._addresses)
        answers = await asyncio.gather(*(answers_within(*address, 2 * interval_s) for address in asked.values()))
        if loop.time() - asked_s > self._timeout_s:
            self._answered_s = dict.fromkeys(self._answered_s, loop.time())  # this process was late, not the nodes
            return
        for node, answered in zip(asked, answers, strict=True):
            if node in self._addresses:
                self._note(node, loop.time(), answered=answered)

    def _note(self, node: NodeId, now_s: float, *, answered: bool) -> None:
        if answered:
            self._answered_s[node] = now_s
            if node in self._lost:
                self._lost.discard(node)
                self._healed(node)
        elif node not in self._lost and now_s - self._answered_s[node] >= self._timeout_s:
            self._lost.add(node)
            self._missed(node)

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(self._timeout_s / _BEATS_PER_TIMEOUT)
            await self.beat()


async def answers_within(address: str, port: int, within_s: float) -> bool:
    """Whether something accepts a connection."""
    try:
        async with asyncio.timeout(within_s):
            _, writer = await asyncio.open_connection(address, port)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    return True


async def _is_alive(node: NodeId) -> bool:
    entry = next((entry for entry in await list_nodes() if entry["NodeID"] == node), None)
    if entry is None or not entry["Alive"]:
        return False
    return await answers_within(entry["NodeManagerAddress"], entry["NodeManagerPort"], _CONNECT_S)


def ray_amounts(needs: Resources) -> dict[str, Any]:
    """Ray's options for what a task or actor holds. Ray knows nothing of `CONTAINERS`, which are measured."""
    return {
        "num_cpus": needs.cpus,
        "num_gpus": needs.gpus or None,
        "memory": needs.memory_bytes or None,
        "resources": {name: amount for name, amount in needs.custom.items() if name != CONTAINERS} or None,
    }
