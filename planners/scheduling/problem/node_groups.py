"""Group interchangeable nodes, so that schedulers choose among groups instead of nodes."""

from collections.abc import Iterable
from itertools import pairwise

from planners.cluster import ClusterNode, ClusterSnapshot, Link, Reservation
from planners.model import AgentName, NodeId
from planners.requests import InFlight
from planners.scheduling.problem.problem import NodeGroup
from planners.scheduling.problem.resource_profile import ResourceProfile
from planners.scheduling.problem.time_scale import TimeScale
from planners.scheduling.problem.units import ResourceScale, shape_of


class NodeGroups:
    """The groups of a cluster's nodes, the agents that are warm on them, and the transfer times between them.

    Nodes are interchangeable if they have the same class, totals, speed, warm agents, reservations and links to all
    other nodes, and no attempt in flight runs on them. ``first`` is one node of each group.
    """

    def __init__(
        self,
        cluster: ClusterSnapshot,
        agents: Iterable[AgentName],
        in_flight: Iterable[InFlight],
        scale: ResourceScale,
        time: TimeScale,
    ) -> None:
        self._cluster, self._scale, self._time = cluster, scale, time
        used = frozenset(agents)
        self.warm = {(agent, node) for agent, node in cluster.warm if agent in used}
        reservations = _by_node(cluster.reservations)
        buckets: dict[tuple[object, ...], list[int]] = {}
        busy = {flight.node for flight in in_flight}
        for i, node in enumerate(cluster.nodes):
            warm_here = frozenset(agent for agent, at in self.warm if at == node.id) if self.warm else frozenset[str]()
            reserved = tuple((r.start_s, r.end_s, r.resources) for r in reservations.get(node.id, ()))
            alone = node.id if node.id in busy else None
            shape = shape_of(node.total)
            key = (node.node_class, shape, node.speed, warm_here, repr(reserved) if reserved else "", alone)
            buckets.setdefault(key, []).append(i)
        members = [nodes for bucket in buckets.values() for nodes in _split_by_links(bucket, cluster)]
        self.first = [cluster.nodes[nodes[0]] for nodes in members]
        self.groups = tuple(
            NodeGroup(tuple(nodes), scale.capacity(node.total.amounts()), self._profile(node, reservations))
            for nodes, node in zip(members, self.first, strict=True)
        )
        group_of = {node: index for index, nodes in enumerate(members) for node in nodes}
        self.group_of = tuple(group_of[i] for i in range(len(cluster.nodes)))

    def lags(self, size_bytes: float, group: int) -> tuple[int, tuple[int, ...]]:
        """Quanta to transfer an output from a node of this group to another node: the longest, and to each group.

        The second is empty if links do not differ.
        """
        cluster = self._cluster
        if not cluster.links:
            return self._time.span(cluster.latency_s + size_bytes / cluster.bandwidth_bytes_per_s), ()
        source = self.first[group].id
        lags = []
        for target, node in enumerate(self.first):
            others = self.groups[target].nodes[1:]
            at = node.id if target != group else cluster.nodes[others[0]].id if others else source
            lags.append(self._time.span(cluster.transfer_s(size_bytes, source, at)))
        return max(lags), tuple(lags)

    def _profile(self, node: ClusterNode, by_node: dict[NodeId, list[Reservation]]) -> ResourceProfile:
        """Free capacity over time. Reservations are summed before rounding, so small ones do not cost a unit each."""
        total, scale, time = node.total.amounts(), self._scale, self._time
        profile = ResourceProfile(scale.pack(scale.capacity(total)), scale.guard)
        reservations = by_node.get(node.id, ())
        spans = [(max(0, time.down(r.start_s)), time.up(r.end_s), r.resources.amounts()) for r in reservations]
        times = sorted({at for start, end, _ in spans for at in (start, end)})
        for at, until in pairwise(times):
            reserved = [amounts for start, end, amounts in spans if start <= at and end >= until]
            left = {name: amount - sum(one.get(name, 0.0) for one in reserved) for name, amount in total.items()}
            profile.reserve(at, until, profile.free[-1] - scale.pack(scale.capacity(left)))
        return profile


def _split_by_links(nodes: list[int], cluster: ClusterSnapshot) -> list[list[int]]:
    """Divide nodes by their links. Having equal links is an equivalence, so one node of each part is compared."""
    if not cluster.links:
        return [nodes]
    parts: list[list[int]] = []
    for node in nodes:
        part = next((part for part in parts if _same_links(part[0], node, cluster)), None)
        if part is None:
            parts.append([node])
        else:
            part.append(node)
    return parts


def _same_links(one: int, other: int, cluster: ClusterSnapshot) -> bool:
    """Whether two nodes have equal links to every third node."""
    left, right = cluster.nodes[one].id, cluster.nodes[other].id
    of_left, of_right = cluster.links_of.get(left, {}), cluster.links_of.get(right, {})
    third = (of_left.keys() | of_right.keys()) - {left, right}
    return all(_figures(of_left.get(node, cluster)) == _figures(of_right.get(node, cluster)) for node in third)


def _figures(link: Link | ClusterSnapshot) -> tuple[float, float]:
    return link.bandwidth_bytes_per_s, link.latency_s


def _by_node(reservations: Iterable[Reservation]) -> dict[NodeId, list[Reservation]]:
    grouped: dict[NodeId, list[Reservation]] = {}
    for reservation in reservations:
        if reservation.node is not None and reservation.end_s > max(0.0, reservation.start_s):
            grouped.setdefault(reservation.node, []).append(reservation)
    return grouped
