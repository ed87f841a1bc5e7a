"""The price of a node's seconds: the delay that work there imposes on confirmed work. Nothing on an idle node."""

from collections.abc import Mapping

from pydantic import Field

from planners.cluster import ClusterSnapshot
from planners.model import Model, NodeId
from planners.resources import Resources

_FULL = 0.99


class NodePrice(Model):
    """What a node has and how much of it confirmed work wants.

    ``wanted`` is, per resource, the share of capacity that is reserved or waited for over the horizon; above 1 there
    is a queue.
    """

    total: Resources
    wanted: dict[str, float] = Field(default_factory=dict)

    def delay_per_s(self, resources: Resources) -> float:
        """Seconds by which a second of this occupation delays others: share * r/(1-r) of its most wanted resource.

        r/(1-r) is the number of customers in an M/M/1 queue at utilisation r (Kleinrock, Queueing Systems I, 3.2):
        those that one more unit of work ahead of them holds up.
        """
        has = self.total.amounts()
        delays = (
            amount / has[name] * _waiting(self.wanted.get(name, 0.0))
            for name, amount in resources.amounts().items()
            if has.get(name)
        )
        return max(delays, default=0.0)


def node_prices(
    cluster: ClusterSnapshot, *, horizon_s: float, waiting: Mapping[NodeId, Resources] | None = None
) -> dict[NodeId, NodePrice]:
    """Node -> price, from reservations over the next ``horizon_s`` and confirmed work that waits for room."""
    demand = {node.id: dict[str, float]() for node in cluster.nodes}
    for held in cluster.reservations:
        if held.node in demand:
            overlap_s = max(0.0, min(held.end_s, horizon_s) - max(held.start_s, 0.0))
            share = overlap_s / horizon_s if horizon_s > 0 else float(held.start_s <= 0 < held.end_s)
            _add(demand[held.node], held.resources, share)
    for node, resources in (waiting or {}).items():
        if node in demand:
            _add(demand[node], resources, 1.0)
    return {node.id: _priced(node.total, demand[node.id]) for node in cluster.nodes}


def _priced(total: Resources, demand: Mapping[str, float]) -> NodePrice:
    has = total.amounts()
    return NodePrice(total=total, wanted={name: amount / has[name] for name, amount in demand.items() if has.get(name)})


def _add(demand: dict[str, float], resources: Resources, share: float) -> None:
    for name, amount in resources.amounts().items():
        demand[name] = demand.get(name, 0.0) + amount * share


def _waiting(utilisation: float) -> float:
    """r/(1-r), kept finite; beyond a full node the queue itself is counted."""
    below_full = min(utilisation, _FULL)
    return below_full / (1 - below_full) + max(0.0, utilisation - _FULL) / (1 - _FULL)
