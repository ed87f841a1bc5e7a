"""Prices of contended nodes and providers: how long work there delays confirmed work. Idle ones cost nothing."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from planners.agents import AgentSpec, Catalog, Provider
from planners.cluster import ClusterSnapshot, Reservation
from planners.model import Model, NodeId
from planners.resources import Resources

_FULL = 0.99
# The resources of a provider: concurrent calls, and requests a second.
_CALLS, _REQUESTS = "calls", "requests"


class Contended(Model):
    """The capacity of a node or a provider, and how much of it confirmed work needs.

    ``wanted`` is, per resource, the share of capacity that is reserved or queued for over the horizon; above 1 there
    is a queue. A provider's resources are concurrent ``calls`` and ``requests`` a second, each only where limited.
    """

    total: Resources
    wanted: dict[str, float] = Field(default_factory=dict)

    def delay_s(self, taken: Mapping[str, float]) -> float:
        """Seconds by which work that takes so many unit-seconds of each resource delays others.

        taken/capacity * r/(1-r) of the scarcest resource. r/(1-r) is the number of customers in an M/M/1 queue at
        utilisation r (Kleinrock, Queueing Systems I, 3.2), all of whom one more unit of work delays. One request to a
        provider that serves n a second occupies it for 1/n s, however the call ends.
        """
        has = self.total.amounts()
        delays = (
            amount / has[name] * _waiting(self.wanted.get(name, 0.0)) for name, amount in taken.items() if has.get(name)
        )
        return max(delays, default=0.0)


class Prices(Model):
    """The contended nodes and providers. Those not listed are idle, and their seconds cost nothing."""

    nodes: dict[NodeId, Contended] = Field(default_factory=dict)
    providers: dict[str, Contended] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _once_were_of_nodes_alone(cls, told: Any) -> Any:
        """Accept journals of earlier releases, where only nodes had prices: node -> price."""
        return {"nodes": told} if isinstance(told, dict) and told.keys() - cls.model_fields.keys() else told

    @classmethod
    def of(
        cls,
        cluster: ClusterSnapshot,
        catalog: Catalog,
        *,
        horizon_s: float,
        share: float = 1.0,
        waiting: Mapping[NodeId, Resources] | None = None,
    ) -> Self:
        """From reservations over the next ``horizon_s`` and confirmed work that is queued for nodes.

        Tokens have no price, because reservations do not say how many a call uses.

        Args:
            cluster: nodes, and reservations of nodes and providers by others.
            catalog: the providers with their limits.
            horizon_s: how far ahead a reservation counts.
            share: the part of every provider's limits that this shard may use.
            waiting: node -> resources for which confirmed work without a reservation is queued there.
        """
        nodes: dict[str, dict[str, float]] = {node.id: {} for node in cluster.nodes}
        providers: dict[str, dict[str, float]] = {provider.name: {} for provider in catalog.providers}
        for held in cluster.reservations:
            if held.node in nodes:
                _add(nodes[held.node], held.resources.amounts(), _overlap(held, horizon_s))
            if held.provider in providers:
                _add(providers[held.provider], {_CALLS: held.calls}, _overlap(held, horizon_s))
                _add(providers[held.provider], {_REQUESTS: held.calls}, _begun_per_s(held, horizon_s))
        for node, resources in (waiting or {}).items():
            if node in nodes:
                _add(nodes[node], resources.amounts(), 1.0)
        return cls(
            nodes={one.id: price for one in cluster.nodes if (price := _contended(one.total, nodes[one.id]))},
            providers={
                one.name: price
                for one in catalog.providers
                if (price := _contended(_limits(one, share), providers[one.name]))
            },
        )

    def delay_s(self, agent: AgentSpec, node: NodeId, seconds: float) -> float:
        """Seconds by which one call of the agent on a node, so many seconds long, delays confirmed work of others.

        Queues for the node and for the provider add up, because different work waits in them.
        """
        room, provider = self.nodes.get(node), self.providers.get(agent.provider or "")
        delay_s = room.delay_s(agent.resources.amounts()) * seconds if room else 0.0
        return delay_s + (provider.delay_s({_CALLS: seconds, _REQUESTS: 1.0}) if provider else 0.0)


class Contention(Model):
    """Where work would delay confirmed work of others, and the price of a second of that."""

    prices: Prices = Prices()
    usd_per_s: float = Field(default=0.0, ge=0)

    def __bool__(self) -> bool:
        """Whether anything is contended."""
        return bool(self.prices.nodes or self.prices.providers)

    def usd(self, agent: AgentSpec, node: NodeId, seconds: float) -> float:
        """What it costs others if the agent runs so many seconds on a node: a part of the gate's C."""
        return self.usd_per_s * self.prices.delay_s(agent, node, seconds)


# One object for all runs. As the plain default of a field it would be copied each time, because it holds a dict.
IDLE = Contention()


def _limits(provider: Provider, share: float) -> Resources:
    """At least one call at once is always granted (`actors.admission.limits`)."""
    custom = {}
    if provider.max_concurrent is not None:
        custom[_CALLS] = max(1.0, provider.max_concurrent * share)
    if provider.requests_per_s is not None:
        custom[_REQUESTS] = provider.requests_per_s * share
    return Resources(custom=custom)


def _contended(total: Resources, demand: Mapping[str, float]) -> Contended | None:
    has = total.amounts()
    wanted = {name: amount / has[name] for name, amount in demand.items() if amount and has.get(name)}
    return Contended(total=total, wanted=wanted) if wanted else None


def _overlap(held: Reservation, horizon_s: float) -> float:
    """The share of the horizon that a reservation holds."""
    if horizon_s <= 0:
        return float(held.start_s <= 0 < held.end_s)
    return max(0.0, min(held.end_s, horizon_s) - max(held.start_s, 0.0)) / horizon_s


def _begun_per_s(held: Reservation, horizon_s: float) -> float:
    """Calls of the reservation that begin per second; one that starts at 0 has begun before."""
    return 1 / horizon_s if 0 < held.start_s < horizon_s else 0.0


def _add(demand: dict[str, float], amounts: Mapping[str, float], share: float) -> None:
    for name, amount in amounts.items():
        demand[name] = demand.get(name, 0.0) + amount * share


def _waiting(utilisation: float) -> float:
    """r/(1-r), kept finite; beyond full use the length of the queue is added."""
    below_full = min(utilisation, _FULL)
    return below_full / (1 - below_full) + max(0.0, utilisation - _FULL) / (1 - _FULL)
