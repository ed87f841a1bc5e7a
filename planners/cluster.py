"""The cluster as it is now: nodes, reservations, links, warm agents."""

from functools import cached_property

from pydantic import Field

from planners.agents import AgentSpec
from planners.model import AgentName, Measured, NodeId, Versioned
from planners.resources import Resources


class ClusterNode(Measured):
    """One node. Nodes of the same ``node_class`` are interchangeable: same totals, same links."""

    id: NodeId = Field(description="Ray's id of the node")
    node_class: str = Field(description="Nodes of the same class are interchangeable")
    total: Resources = Field(description="What the node has")
    speed: float = Field(default=1.0, gt=0, description="Relative speed: work takes the expected seconds divided by it")


class Reservation(Measured):
    """Capacity of a node or a provider that other tasks hold from start_s to end_s, relative to the snapshot.

    Exactly one of ``node`` and ``provider`` is set; a provider's reservation counts concurrent ``calls``.
    """

    node: NodeId | None = Field(default=None, description="The node; null for a provider")
    provider: str | None = Field(default=None, description="The provider; null for a node")
    resources: Resources = Field(default=Resources(), description="What is held of the node")
    calls: int = Field(default=0, description="Concurrent calls that are held of the provider")
    start_s: float = Field(default=0.0, description="Seconds from the snapshot")
    end_s: float = Field(ge=0, description="Seconds from the snapshot")


class Link(Measured):
    """The measured link between two nodes, in both directions."""

    nodes: tuple[NodeId, NodeId] = Field(description="The two nodes")
    bandwidth_bytes_per_s: float = Field(gt=0, description="Measured bandwidth")
    latency_s: float = Field(default=0.0, ge=0, description="Measured latency")


class Outage(Measured):
    """A provider or an agent that does not answer; its circuit breaker is ``open`` or ``half_open``."""

    kind: str = Field(description="`provider` or `agent`")
    name: str = Field(description="Its name")
    state: str = Field(description="`open`: it is left alone; `half_open`: it is being probed")

    def concerns(self, agent: AgentSpec) -> bool:
        """Whether the agent cannot work because of it."""
        return self.name == (agent.name if self.kind == "agent" else agent.provider)


class ClusterSnapshot(Versioned):
    """All live nodes, the reservations on them, the links between them, and which agents are warm where.

    ``bandwidth_bytes_per_s`` and ``latency_s`` describe the link between any two different nodes that ``links`` does
    not mention. Load by others is a reservation for as long as it is expected to last.
    """

    nodes: tuple[ClusterNode, ...] = Field(description="All live nodes")
    reservations: tuple[Reservation, ...] = Field(default=(), description="Capacity that is held")
    warm: frozenset[tuple[AgentName, NodeId]] = Field(
        default=frozenset(), description="Pairs of agent and node: the node has run the agent"
    )
    bandwidth_bytes_per_s: float = Field(default=1e9, gt=0, description="Of every link that `links` does not mention")
    latency_s: float = Field(default=0.001, ge=0, description="Of every link that `links` does not mention")
    outages: tuple[Outage, ...] = Field(
        default=(), exclude_if=lambda outages: not outages, description="Providers and agents that do not answer"
    )
    links: tuple[Link, ...] = Field(default=(), description="The measured links")

    @cached_property
    def by_id(self) -> dict[NodeId, ClusterNode]:
        """Node id -> node."""
        return {node.id: node for node in self.nodes}

    def equal(self, left: NodeId, right: NodeId) -> bool:
        """Whether two nodes are the same or of the same class."""
        if left == right:
            return True
        a, b = self.by_id.get(left), self.by_id.get(right)
        return a is not None and b is not None and a.node_class == b.node_class

    @cached_property
    def links_of(self) -> dict[NodeId, dict[NodeId, Link]]:
        """Node -> other node -> the measured link between them."""
        links: dict[NodeId, dict[NodeId, Link]] = {}
        for link in self.links:
            left, right = link.nodes
            links.setdefault(left, {})[right] = link
            links.setdefault(right, {})[left] = link
        return links

    def transfer_s(self, size_bytes: float, source: NodeId, target: NodeId) -> float:
        """Seconds to transfer an output between two nodes; 0 within one."""
        if source == target:
            return 0.0
        link = self.links_of.get(source, {}).get(target)
        if link is not None:
            return link.latency_s + size_bytes / link.bandwidth_bytes_per_s
        return self.latency_s + size_bytes / self.bandwidth_bytes_per_s
