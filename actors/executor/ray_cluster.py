"""The cluster as it is now: a view in memory, refreshed in the background."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from actors.executor.nodes import listed
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.model import AgentName, NodeId, digest
from planners.resources import Resources

_log = logging.getLogger(__name__)
_OWN_FIELDS = ("CPU", "GPU", "memory", "object_store_memory")
# Amounts and labels Ray gives each node for itself; they would make every node a class of its own.
_INTERNAL_PREFIXES = ("node:", "bundle_group_")
_SAME_MEMORY = 1.1
_INTERNAL_LABELS = frozenset({"ray.io/node-id"})


class RayCluster:
    """Fulfils `reconciler.runtime.ports.Cluster`. Call `start` on the event loop before `snapshot`, `stop` at the end.

    ``warm`` says which agents are warm where (an executor knows); ``on_lost`` is called on the event loop with each
    node that has left.
    """

    def __init__(
        self,
        *,
        warm: Callable[[], frozenset[tuple[AgentName, NodeId]]] = frozenset,
        on_lost: Callable[[NodeId], None] | None = None,
        refresh_s: float = 0.5,
    ) -> None:
        self._warm = warm
        self._on_lost = on_lost
        self._refresh_s = refresh_s
        self._nodes: tuple[ClusterNode, ...] = ()
        self._gone: set[NodeId] = set()
        self._refreshing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look once, then keep looking."""
        await self.refresh()
        self._refreshing = asyncio.get_running_loop().create_task(self._keep_refreshing())

    async def stop(self) -> None:
        """Stop looking."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self._refreshing

    def snapshot(self) -> ClusterSnapshot:
        """The nodes alive when last looked, in order of id."""
        return ClusterSnapshot(nodes=self._nodes, warm=self._warm())

    async def refresh(self) -> None:
        """Look now; tell of each node that has left since."""
        alive = [entry for entry in await listed() if entry["Alive"]]
        self._gone &= {entry["NodeID"] for entry in alive}
        self._see(nodes_of(entry for entry in alive if entry["NodeID"] not in self._gone))

    def lose(self, node: NodeId) -> None:
        """A node is known to be dead, though Ray (which waits for missed heartbeats) may list it for 15 s to come."""
        if any(known.id == node for known in self._nodes):
            self._gone.add(node)
            self._see(tuple(known for known in self._nodes if known.id != node))

    def _see(self, nodes: tuple[ClusterNode, ...]) -> None:
        left = {node.id for node in self._nodes} - {node.id for node in nodes}
        self._nodes = nodes
        if self._on_lost is not None:
            for node in sorted(left):
                self._on_lost(node)

    async def _keep_refreshing(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_s)
            try:
                await self.refresh()
            except Exception:  # noqa: BLE001 - keep looking, whatever Ray says
                _log.exception("the cluster could not be looked at; the last view stays")


def resources_of(amounts: Mapping[str, float]) -> Resources:
    """Ray's amounts in our terms, without those Ray keeps for itself."""
    custom = {
        name: float(amount)
        for name, amount in sorted(amounts.items())
        if name not in _OWN_FIELDS and not name.startswith(_INTERNAL_PREFIXES)
    }
    return Resources(
        cpus=amounts.get("CPU", 0.0),
        gpus=amounts.get("GPU", 0.0),
        memory_bytes=int(amounts.get("memory", 0)),
        custom=custom,
    )


def nodes_of(entries: Iterable[Mapping[str, Any]]) -> tuple[ClusterNode, ...]:
    """Our nodes of Ray's, in order of id. Nodes with the same amounts and labels are of one class.

    Ray derives a node's memory from what is free when it starts, so equal machines differ a little: within 10 % of the
    smallest of a class it is the same.
    """
    kinds: dict[str, list[tuple[NodeId, Resources]]] = {}
    for entry in entries:
        total = resources_of(entry["Resources"])
        kinds.setdefault(_kind(total, entry.get("Labels", {})), []).append((NodeId(entry["NodeID"]), total))
    nodes = []
    for kind, alike in kinds.items():
        rank, smallest = 0, 0
        for node, total in sorted(alike, key=lambda pair: pair[1].memory_bytes):
            if total.memory_bytes > _SAME_MEMORY * smallest:
                rank, smallest = rank + 1, total.memory_bytes
            nodes.append(ClusterNode(id=node, node_class=kind if rank <= 1 else f"{kind}-m{rank}", total=total))
    return tuple(sorted(nodes, key=lambda node: node.id))


def _kind(total: Resources, labels: Mapping[str, str]) -> str:
    """What a node is but for its memory, for people to read."""
    parts = [f"{amount:g}{name}" for name, amount in total.amounts().items() if name != "memory_bytes"]
    own = [part for key in sorted(labels) if key not in _INTERNAL_LABELS for part in (key, str(labels[key]))]
    return "-".join([*parts, *([digest(*own)[:6]] if own else [])]) or "bare"
