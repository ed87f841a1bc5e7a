"""From readings of the nodes to the speeds, load by others and links of a snapshot. Pure functions."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from statistics import median

from planners.cluster import ClusterNode, ClusterSnapshot, Link, Reservation
from planners.model import NodeId
from planners.resources import Resources

# Load by others is expected to last so long from now. Each snapshot renews it.
LOAD_LASTS_S = 30.0
# Ratios within a factor of 1.25 count as equal: 0.8 and 1.25 are half a step away from 1.
_SPEED_STEP = 1.25**2
# The time of one short transfer varies by a factor of two on the same link.
_LINK_STEP = 4.0
# A host with so much more load outside Ray than the least loaded host has fewer CPUs to offer.
_OUTSIDE_THRESHOLD = 0.25
_DECIMALS = 4  # as in Ray
_DEFAULT_BANDWIDTH = ClusterSnapshot.model_fields["bandwidth_bytes_per_s"].default
_DEFAULT_LATENCY_S = ClusterSnapshot.model_fields["latency_s"].default

Amounts = Mapping[str, float]
Machine = str
Address = str


@dataclass(frozen=True, slots=True)
class Held:
    """Resources of a node that own attempts hold, and those that other attempts have asked Ray for."""

    running: Resources = field(default_factory=Resources)
    waiting: Resources = field(default_factory=Resources)


def merged(*all_held: Mapping[NodeId, Held]) -> dict[NodeId, Held]:
    """What several sets of attempts hold together."""
    together: dict[NodeId, Held] = {}
    for held in all_held:
        for node, more in held.items():
            here = together.get(node, Held())
            together[node] = Held(here.running + more.running, here.waiting + more.waiting)
    return together


@dataclass(frozen=True, slots=True)
class NodeReading:
    """A node, read by a process on it.

    ``machine`` is equal for nodes that share a kernel. ``kernel_s`` is the CPU time of a fixed computation, if it was
    made. ``cpu_s`` is the CPU time that each process outside Ray has used up to ``at_s``, by process id.
    ``containers``: whether it can run containers, if that was tried.
    """

    machine: Machine
    processors: int
    at_s: float
    cpu_s: Mapping[int, float] = field(default_factory=dict)
    kernel_s: float | None = None
    containers: bool | None = None


@dataclass(frozen=True, slots=True)
class PairReading:
    """A transfer between two hosts: bytes per second, and the seconds of a round trip."""

    bandwidth_bytes_per_s: float
    latency_s: float


@dataclass(frozen=True, slots=True)
class SnapshotParts:
    """What readings add to a snapshot besides the speeds of the nodes."""

    reservations: tuple[Reservation, ...] = ()
    links: tuple[Link, ...] = ()
    bandwidth_bytes_per_s: float = _DEFAULT_BANDWIDTH
    latency_s: float = _DEFAULT_LATENCY_S

    def without(self, node: NodeId) -> "SnapshotParts":
        """The same without a node."""
        return replace(
            self,
            reservations=tuple(held for held in self.reservations if held.node != node),
            links=tuple(link for link in self.links if node not in link.nodes),
        )


def snapshot_parts(
    nodes: Sequence[ClusterNode],
    addresses: Mapping[NodeId, Address],
    held_in_ray: Mapping[NodeId, Amounts],
    outside: Mapping[NodeId, tuple[Machine, float]],
    pairs: Mapping[frozenset[Address], PairReading],
) -> SnapshotParts:
    """Reservations and links of a snapshot.

    Args:
        nodes: the live nodes.
        addresses: the IP address of each node.
        held_in_ray: what other jobs of Ray hold on each node.
        outside: the machine of each node, and the share of its processors that is busy outside Ray.
        pairs: the measured transfers, by pair of addresses.
    """
    links, typical = _links(nodes, addresses, pairs)
    return SnapshotParts(_reservations(nodes, held_in_ray, outside), links, *typical)


def speed_of(kernel_s: float, reference_s: float) -> float:
    """The speed of a machine relative to the reference, in steps so large that equal machines have speed 1."""
    return round(_stepped(reference_s / kernel_s, _SPEED_STEP), 2)


def held_by_others(used: Resources, own: Held, before: Amounts) -> dict[str, float]:
    """What other jobs of Ray hold on a node.

    Ray tells what is used, but not by whom. Attempts that wait for Ray may hold their resources already, while their
    process starts. So the amount lies between two bounds, and stays as it was ``before`` if that is between them.
    """
    running, waiting = own.running.amounts(), own.waiting.amounts()
    held = {}
    for name, amount in used.amounts().items():
        most = max(0.0, amount - running.get(name, 0.0))
        least = max(0.0, most - waiting.get(name, 0.0))
        held[name] = round(min(most, max(least, before.get(name, 0.0))), _DECIMALS)
    return {name: amount for name, amount in held.items() if amount > 0}


def lasting(readings: Iterable[Mapping[NodeId, Amounts]]) -> dict[NodeId, dict[str, float]]:
    """What is held in all of these readings. Ray's figures lag, so a single one proves nothing."""
    first, *rest = readings
    return {
        node: {
            name: min([amount, *(other.get(node, {}).get(name, 0.0) for other in rest)])
            for name, amount in here.items()
        }
        for node, here in first.items()
    }


def busy_outside(earlier: NodeReading, later: NodeReading) -> float:
    """The share of a machine's processors that processes outside Ray kept busy; those seen in both readings count."""
    seconds = later.at_s - earlier.at_s
    if seconds <= 0:
        return 0.0
    used_s = sum(max(0.0, cpu_s - earlier.cpu_s.get(pid, cpu_s)) for pid, cpu_s in later.cpu_s.items())
    return min(1.0, used_s / seconds / later.processors)


def _reservations(
    nodes: Sequence[ClusterNode],
    held_in_ray: Mapping[NodeId, Amounts],
    outside: Mapping[NodeId, tuple[Machine, float]],
) -> tuple[Reservation, ...]:
    cpus = _cpus_outside(nodes, outside)
    reservations = []
    for node in nodes:
        amounts = dict(held_in_ray.get(node.id, {}))
        amounts["cpus"] = min(node.total.cpus, amounts.get("cpus", 0.0) + cpus.get(node.id, 0.0))
        resources = _resources(amounts)
        if resources.amounts():
            reservations.append(Reservation(node=node.id, resources=resources, end_s=LOAD_LASTS_S))
    return tuple(reservations)


def _cpus_outside(nodes: Sequence[ClusterNode], outside: Mapping[NodeId, tuple[Machine, float]]) -> dict[NodeId, float]:
    """Whole CPUs of each node that processes outside Ray keep busy, beyond the load of the least loaded machine.

    Load that all machines share favours no node, and measured durations include it.
    """
    shares: dict[Machine, float] = {}
    for machine, share in outside.values():
        shares[machine] = max(share, shares.get(machine, 0.0))
    least = min(shares.values(), default=0.0)
    excess = {node.id: shares[outside[node.id][0]] - least for node in nodes if node.id in outside}
    return {
        node.id: float(math.floor(excess[node.id] * node.total.cpus))
        for node in nodes
        if excess.get(node.id, 0.0) >= _OUTSIDE_THRESHOLD
    }


def _links(
    nodes: Sequence[ClusterNode], addresses: Mapping[NodeId, Address], pairs: Mapping[frozenset[Address], PairReading]
) -> tuple[tuple[Link, ...], tuple[float, float]]:
    """The links that differ from the median by more than a measurement varies; the figures of all others."""
    if not pairs:
        return (), (_DEFAULT_BANDWIDTH, _DEFAULT_LATENCY_S)
    bandwidth = median(pair.bandwidth_bytes_per_s for pair in pairs.values())
    # A transfer takes Ray about the default, however short the round trip is.
    latency_s = max(_DEFAULT_LATENCY_S, median(pair.latency_s for pair in pairs.values()))
    typical = (_stepped(bandwidth, 2.0), max(_DEFAULT_LATENCY_S, _stepped(latency_s, 2.0)))
    unusual: dict[frozenset[Address], tuple[float, float]] = {}
    for ends, pair in pairs.items():
        figures = (
            typical[0] * _stepped(pair.bandwidth_bytes_per_s / bandwidth, _LINK_STEP),
            typical[1] * max(1.0, _stepped(pair.latency_s / latency_s, _LINK_STEP)),
        )
        if figures != typical:
            unusual[ends] = figures
    links = []
    for one, other in combinations([node.id for node in nodes], 2) if unusual else ():
        figures = unusual.get(frozenset((addresses.get(one, ""), addresses.get(other, ""))), typical)
        if figures != typical:
            links.append(Link(nodes=(one, other), bandwidth_bytes_per_s=figures[0], latency_s=figures[1]))
    return tuple(links), typical


def _stepped(value: float, step: float) -> float:
    """The nearest power of ``step``."""
    return float(step ** round(math.log(value, step)))


def _resources(amounts: Amounts) -> Resources:
    own = ("cpus", "gpus", "memory_bytes")
    return Resources(
        cpus=amounts.get("cpus", 0.0),
        gpus=amounts.get("gpus", 0.0),
        memory_bytes=int(amounts.get("memory_bytes", 0)),
        custom={name: amount for name, amount in amounts.items() if name not in own},
    )
