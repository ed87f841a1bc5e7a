"""The nodes of the Ray cluster: a view in memory that is refreshed in the background."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from actors.executor.measurements import Measurements
from actors.executor.nodes import NodeHeartbeats, free_resources, list_nodes
from actors.executor.readings import SnapshotParts
from planners.cluster import ClusterNode, ClusterSnapshot, Outage
from planners.model import AgentName, NodeId, digest
from planners.resources import CONTAINERS, Resources

NODE_TIMEOUT_S = 5.0
_log = logging.getLogger(__name__)
_OWN_FIELDS = ("CPU", "GPU", "memory", "object_store_memory")
# Amounts and labels that are unique to a node; they would make every node a class of its own.
_INTERNAL_PREFIXES = ("node:", "bundle_group_")
_SAME_MEMORY = 1.1
_INTERNAL_LABELS = frozenset({"ray.io/node-id"})
# More than a node will ever run: what an attempt does in its container is bounded by its other resources.
_MANY = Resources(custom={CONTAINERS: 1000.0})


# What a snapshot is made of: one is made for each plan, and mostly nothing has changed.
_Seen = tuple[tuple[ClusterNode, ...], SnapshotParts, frozenset[tuple[AgentName, NodeId]], tuple[Outage, ...]]


class RayCluster:
    """Fulfils `reconciler.runtime.ports.Cluster`. Call `start` on the event loop before `snapshot`, `stop` at the end.

    A node that misses its heartbeat is lost for good: it stays out of the snapshot even if its link heals, because the
    attempts that ran there run elsewhere by then. It comes back when Ray is restarted there, as a node with a new id.
    """

    def __init__(  # noqa: PLR0913 - keywords with defaults
        self,
        *,
        warm: Callable[[], frozenset[tuple[AgentName, NodeId]]] = frozenset,
        outages: Callable[[], tuple[Outage, ...]] = tuple,
        on_lost: Callable[[NodeId], None] | None = None,
        on_healed: Callable[[NodeId], None] | None = None,
        refresh_s: float = 0.5,
        node_timeout_s: float = NODE_TIMEOUT_S,
        measurements: Measurements | None = None,
    ) -> None:
        """Set up; starts nothing.

        Args:
            warm: which agents are warm where; an executor knows.
            outages: which providers and agents do not answer; an executor knows that too.
            on_lost: called on the event loop with each node that has left.
            on_healed: called with a lost node that answers again.
            refresh_s: how often Ray is asked for its nodes.
            node_timeout_s: a node that does not answer for so long is lost.
            measurements: measure speeds, links, load by others, and which nodes can run containers; None: all nodes are
                equal, no load is seen, and there are no containers.
        """
        self._warm = warm
        self._outages = outages
        self._on_lost = on_lost
        self._on_healed = on_healed
        self._refresh_s = refresh_s
        self._nodes: tuple[ClusterNode, ...] = ()
        self._fenced: set[NodeId] = set()
        self._refreshing: asyncio.Task[None] | None = None
        self._heartbeats = NodeHeartbeats(node_timeout_s, self.lose, self._heal)
        self._measurements = measurements
        self._parts = SnapshotParts()
        self._free: dict[NodeId, Resources] = {}
        self._latest: tuple[_Seen, ClusterSnapshot] | None = None

    async def start(self) -> None:
        """Refresh once, then keep refreshing."""
        await self.refresh()
        self._refreshing = asyncio.get_running_loop().create_task(self._keep_refreshing())
        self._heartbeats.start()

    async def stop(self) -> None:
        """Stop refreshing."""
        await self._heartbeats.stop()
        if self._refreshing is not None:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self._refreshing
        if self._measurements is not None:
            await self._measurements.stop()

    def snapshot(self) -> ClusterSnapshot:
        """The nodes that were alive at the last refresh, in order of id, with what was measured of them."""
        nodes, parts, warm, outages = seen = self._nodes, self._parts, self._warm(), self._outages()
        if self._latest is not None:
            before, snapshot = self._latest
            if before[0] is nodes and before[1] is parts and before[2:] == seen[2:]:
                return snapshot
        snapshot = ClusterSnapshot(
            nodes=nodes,
            reservations=parts.reservations,
            warm=warm,
            outages=outages,
            bandwidth_bytes_per_s=parts.bandwidth_bytes_per_s,
            latency_s=parts.latency_s,
            links=parts.links,
        )
        self._latest = seen, snapshot
        return snapshot

    def room(self, node: NodeId) -> tuple[ClusterNode | None, Resources | None]:
        """A node, and what nothing held there at the last refresh; None where that is not known."""
        return next((known for known in self._nodes if known.id == node), None), self._free.get(node)

    async def refresh(self) -> None:
        """Ask Ray for its nodes now; report each node that has left since."""
        alive = [entry for entry in await list_nodes() if entry["Alive"]]
        self._fenced &= {NodeId(entry["NodeID"]) for entry in alive}
        self._heartbeats.watch(alive)
        used = [entry for entry in alive if entry["NodeID"] not in self._fenced]
        if self._measurements is None:
            self._see(nodes_of(used))
            return
        self._measurements.watch(used)
        containers = self._measurements.containers()
        self._free = {
            node: _with_containers(resources_of(amounts), node, containers)
            for node, amounts in (await free_resources()).items()
        }
        used = [entry for entry in used if entry["NodeID"] not in self._fenced]  # one may have been lost meanwhile
        self._see(nodes_of(used, self._measurements.speeds(), containers))
        self._parts = self._measurements.parts(self._nodes, self._free)

    async def measured(self) -> None:
        """Wait until the nodes have been read for the first time, so that `snapshot` tells which run containers."""
        if self._measurements is not None:
            await self._measurements.first_readings()
            await self.refresh()

    def lose(self, node: NodeId) -> None:
        """Fence a node that is known to be dead or cut off, though Ray may list it as alive for 13 s or for good."""
        if any(known.id == node for known in self._nodes):
            self._fenced.add(node)
            self._parts = self._parts.without(node)
            _log.warning("node %s does not answer and is not used any more; to use it again, restart Ray there", node)
            self._see(tuple(known for known in self._nodes if known.id != node))

    def _heal(self, node: NodeId) -> None:
        if node in self._fenced and self._on_healed is not None:
            self._on_healed(node)

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
            except Exception:  # noqa: BLE001 - keep refreshing, whatever Ray raises
                _log.exception("Ray did not list its nodes; the last list stays")


def resources_of(amounts: Mapping[str, float]) -> Resources:
    """Ray's amounts as `Resources`, without those that Ray uses internally."""
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


def _with_containers(amounts: Resources, node: NodeId, containers: Collection[NodeId]) -> Resources:
    return amounts + _MANY if node in containers else amounts


def nodes_of(
    entries: Iterable[Mapping[str, Any]],
    speeds: Mapping[NodeId, float] | None = None,
    containers: Collection[NodeId] = (),
) -> tuple[ClusterNode, ...]:
    """The nodes of Ray's list, in order of id. Nodes with the same amounts, labels and speed are of one class.

    Ray derives a node's memory from what is free when it starts, so equal machines differ a little: memory counts as
    equal within 10 % of the smallest node of a class.

    Args:
        entries: of Ray's list.
        speeds: of the nodes; 1 where it is not known.
        containers: the nodes that can run containers.
    """
    kinds: dict[str, list[tuple[NodeId, Resources]]] = {}
    measured = speeds or {}
    for entry in entries:
        node = NodeId(entry["NodeID"])
        total = _with_containers(resources_of(entry["Resources"]), node, containers)
        kinds.setdefault(_kind(total, entry.get("Labels", {}), measured.get(node, 1.0)), []).append((node, total))
    nodes = []
    for kind, alike in kinds.items():
        rank, smallest = 0, 0
        for node, total in sorted(alike, key=lambda pair: pair[1].memory_bytes):
            if total.memory_bytes > _SAME_MEMORY * smallest:
                rank, smallest = rank + 1, total.memory_bytes
            name = kind if rank <= 1 else f"{kind}-m{rank}"
            nodes.append(ClusterNode(id=node, node_class=name, total=total, speed=measured.get(node, 1.0)))
    return tuple(sorted(nodes, key=lambda node: node.id))


def _kind(total: Resources, labels: Mapping[str, str], speed: float) -> str:
    """The class of a node apart from its memory, in readable form."""
    amounts = {name: amount for name, amount in total.amounts().items() if name != "memory_bytes"}
    parts = [name if name == CONTAINERS else f"{amount:g}{name}" for name, amount in amounts.items()]
    own = [part for key in sorted(labels) if key not in _INTERNAL_LABELS for part in (key, str(labels[key]))]
    parts += [digest(*own)[:6]] if own else []
    return "-".join([*parts, *([f"x{speed:g}"] if speed != 1 else [])]) or "bare"
