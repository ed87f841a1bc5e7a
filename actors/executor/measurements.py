"""Measures the nodes, the links between their hosts, and load by others, in the background."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import combinations, count
from typing import Any

import ray

from actors.errors import NoSuchNode
from actors.executor.nodes import pinned
from actors.executor.probe_tasks import PATIENCE_S, fetch, read_node, start_objects
from actors.executor.readings import (
    Address,
    Amounts,
    Held,
    Machine,
    NodeReading,
    PairReading,
    SnapshotParts,
    busy_outside,
    held_by_others,
    lasting,
    snapshot_parts,
    speed_of,
)
from planners.cluster import ClusterNode
from planners.model import NodeId
from planners.resources import Resources

READ_EVERY_S = 10.0
_KERNEL_EVERY = 60  # readings
# The pairs of more hosts would take minutes to measure, one after the other.
_MOST_HOSTS = 32
# Others have held for so long what counts as load: Ray's figures lag behind what attempts take and free.
_HELD_FOR_S = 3.0
_NOTHING: Amounts = {}
_HEAD = "node:__internal_head__"
_log = logging.getLogger(__name__)


class Measurements:
    """Reads every node when it joins and every ten seconds, and each pair of hosts once.

    Lives on one event loop. Call `watch` whenever the nodes are listed, `stop` at the end.
    """

    def __init__(self, held: Callable[[], Mapping[NodeId, Held]] = dict, *, lone_s: float = 0.0) -> None:
        """Set up; starts nothing.

        Args:
            held: what the attempts of this process hold, which is no load by others; an executor knows. Attempts of
                other shards are load: the reservations of this shard do not cover them.
            lone_s: a node that is the only one is first read after so long, unless `first_readings` is called: there is
                no other to compare it with, and a reading starts a process.
        """
        self._held = held
        self._others = deque[tuple[float, dict[NodeId, dict[str, float]]]]([(0.0, {})])
        self._addresses: dict[NodeId, Address] = {}
        self._pairs: dict[frozenset[Address], PairReading] = {}
        self._ports: dict[NodeId, int] = {}
        self._tried: set[frozenset[Address]] = set()
        self._readings: dict[NodeId, NodeReading] = {}
        self._outside: dict[NodeId, float] = {}
        self._fastest_s: dict[Machine, float] = {}
        self._containers: set[NodeId] = set()
        self._all_read = asyncio.Event()
        self._lone_s = lone_s
        self._read_now = asyncio.Event()
        self._head: NodeId | None = None
        self._reference: Machine | None = None
        self._following: dict[NodeId, asyncio.Task[None]] = {}
        self._linking: asyncio.Task[None] | None = None

    def watch(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Measure exactly these nodes of Ray's list. Does not wait for a measurement."""
        listed = {NodeId(entry["NodeID"]): entry for entry in entries}
        self._addresses = {node: entry["NodeManagerAddress"] for node, entry in listed.items()}
        self._ports = {node: entry["NodeManagerPort"] for node, entry in listed.items()}
        present = frozenset(self._addresses.values())
        self._tried = {ends for ends in self._tried if ends <= present}
        heads = [node for node, entry in listed.items() if _HEAD in entry["Resources"]]
        self._head = min(heads or listed, default=None)
        if len(listed) > 1:
            self._read_now.set()
        for node in self._following.keys() - listed.keys():
            self._following.pop(node).cancel()
            self._readings.pop(node, None)
            self._outside.pop(node, None)
            self._containers.discard(node)
        for node in listed.keys() - self._following.keys():
            self._following[node] = asyncio.create_task(self._follow(node))
        self._note_unread()
        if self._linking is None or self._linking.done():
            self._linking = asyncio.create_task(self._measure_links())

    async def stop(self) -> None:
        """Stop measuring."""
        tasks = [*self._following.values(), *([self._linking] if self._linking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def speeds(self) -> dict[NodeId, float]:
        """The speed of each measured node relative to the head's machine. Nodes of one machine have one speed."""
        reference_s = self._fastest_s.get(self._reference or "")
        if reference_s is None:
            return {}
        return {
            node: speed_of(self._fastest_s[reading.machine], reference_s) for node, reading in self._readings.items()
        }

    def containers(self) -> frozenset[NodeId]:
        """The nodes that can run containers, as far as they have been read."""
        return frozenset(self._containers)

    async def first_readings(self) -> None:
        """Wait until every node has been read that answers in time."""
        self._read_now.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await self._all_read.wait()

    def parts(self, nodes: Sequence[ClusterNode], free: Mapping[NodeId, Resources]) -> SnapshotParts:
        """What is measured of these nodes, given the resources that Ray has free on them now."""
        own, before, now_s = self._held(), self._others[-1][1], asyncio.get_running_loop().time()
        others = {
            node.id: held_by_others(node.total - free[node.id], own.get(node.id, Held()), before.get(node.id, _NOTHING))
            for node in nodes
            if node.id in free
        }
        self._others.append((now_s, others))
        while self._others[1][0] <= now_s - _HELD_FOR_S:
            self._others.popleft()
        lasts = lasting(held for _, held in self._others)
        return snapshot_parts(nodes, self._addresses, lasts, self._busy_outside(), self._pairs)

    def keep(self, node: NodeId, reading: NodeReading) -> None:
        """Take a reading into account."""
        earlier = self._readings.get(node)
        self._readings[node] = reading
        if earlier is not None:
            self._outside[node] = busy_outside(earlier, reading)
        if reading.containers is not None:
            (self._containers.add if reading.containers else self._containers.discard)(node)
        if reading.kernel_s is not None:  # a machine is as fast as in its best measurement; all others were disturbed
            fastest_s = self._fastest_s.get(reading.machine, reading.kernel_s)
            self._fastest_s[reading.machine] = min(fastest_s, reading.kernel_s)
        if self._reference is None and node == self._head:
            self._reference = reading.machine
        self._note_unread()

    def _note_unread(self) -> None:
        if self._following.keys() - self._readings.keys():
            self._all_read.clear()
        else:
            self._all_read.set()

    def _busy_outside(self) -> dict[NodeId, tuple[Machine, float]]:
        """The machine of each node, and the share of its processors that is busy outside Ray."""
        return {node: (self._readings[node].machine, share) for node, share in self._outside.items()}

    async def _follow(self, node: NodeId) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._lone_s):
                await self._read_now.wait()
        for turn in count():
            untimed = self._readings.get(node) is not None and turn % _KERNEL_EVERY
            reading = await _answer(read_node, node, not untimed)
            if reading is not None:
                self.keep(node, reading)
            await asyncio.sleep(READ_EVERY_S)

    async def _measure_links(self) -> None:
        """One pair at a time, so that transfers do not disturb each other."""
        for one, other in self._unmeasured():
            source = (self._addresses[one], self._ports[one])
            ends = frozenset((source[0], self._addresses[other]))
            self._tried.add(ends)
            pair = await _answer(fetch, other, start_objects(one), source)
            if pair is not None:
                self._pairs[ends] = pair

    def _unmeasured(self) -> Iterator[tuple[NodeId, NodeId]]:
        """A node of each of two hosts whose link has not been measured."""
        nodes = {address: node for node, address in sorted(self._addresses.items(), reverse=True)}
        for one, other in combinations(sorted(nodes)[:_MOST_HOSTS], 2):
            present = {nodes[one], nodes[other]} <= self._addresses.keys()
            if present and frozenset((one, other)) not in self._tried | self._pairs.keys():
                yield nodes[one], nodes[other]


async def _answer(task: Any, node: NodeId, *arguments: Any) -> Any:
    """What a task returns on a node; None if it fails or takes too long."""
    try:
        reference = task.options(scheduling_strategy=pinned(node)).remote(*arguments)
        async with asyncio.timeout(PATIENCE_S):
            return await reference
    except (ray.exceptions.RayError, NoSuchNode, TimeoutError) as error:
        _log.debug("node %s could not be measured: %s", node, error)
        return None
