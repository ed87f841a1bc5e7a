"""What Ray says of its nodes, and what the nodes themselves say."""

import asyncio
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.errors import NoSuchNode
from planners.model import NodeId

_PATIENCE_S = 2.0


async def listed() -> list[dict[str, Any]]:
    """`ray.nodes()`, off the event loop: it asks Ray's control store and blocks."""
    return await asyncio.to_thread(ray.nodes)


def pinned(node: NodeId) -> NodeAffinitySchedulingStrategy:
    """On this node or nowhere.

    Raises:
        NoSuchNode: this can be no node's id.
    """
    try:
        return NodeAffinitySchedulingStrategy(node, soft=False)
    except ValueError:
        raise NoSuchNode(f"'{node}' is no node of this cluster", "node", "plan on the nodes of a snapshot") from None


class NodeProbe:
    """Whether a node still lives. Questions asked while one is under way share its answer."""

    def __init__(self) -> None:
        self._asked: dict[NodeId, asyncio.Task[bool]] = {}

    async def is_alive(self, node: NodeId) -> bool:
        """Ray notices a dead node only after seconds, so the node's own port is tried too."""
        if node not in self._asked:
            asked = self._asked[node] = asyncio.ensure_future(_is_alive(node))
            asked.add_done_callback(lambda _: self._asked.pop(node))
        return await asyncio.shield(self._asked[node])


async def _is_alive(node: NodeId) -> bool:
    entry = next((entry for entry in await listed() if entry["NodeID"] == node), None)
    if entry is None or not entry["Alive"]:
        return False
    try:
        async with asyncio.timeout(_PATIENCE_S):
            _, writer = await asyncio.open_connection(entry["NodeManagerAddress"], entry["NodeManagerPort"])
    except OSError:
        return False
    writer.close()
    return True
