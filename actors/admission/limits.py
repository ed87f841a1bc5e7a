"""Enforces the concurrency and rate limits of agents and providers. Attempts wait here before they are submitted."""

import asyncio
from collections.abc import Callable, Iterable

from actors.admission.admission import Admission
from actors.admission.breaker import Breaker
from actors.admission.capacity import Capacity, Cooldown, Semaphore, TokenBucket
from actors.admission.queues import AdmissionQueue, AgentQueue, Uses
from actors.agent_tools import tools_of
from planners.agents import REMOTE_KINDS, AgentSpec, Catalog, Provider
from planners.cluster import Outage
from planners.model import AgentName


def _limits_of(catalog: Catalog) -> tuple[object, ...]:
    agents = {
        (agent.name, agent.concurrency, agent.provider, agent.tokens_per_call, *_tools(agent, catalog))
        for agent in catalog.agents
    }
    return agents, dict(catalog.provider_by_name)


def _tools(agent: AgentSpec, catalog: Catalog) -> tuple[AgentName, ...]:
    return tuple(tool.name for tool in tools_of(agent, catalog))


class AdmissionLimits(Admission):
    """The limits of a catalog, for one executor, or for several that share them through `SharedLimits`.

    Requests are spaced evenly (5 requests/s: one every 200 ms); tokens may come in bursts of one second's worth.
    Confirmed attempts go before speculative ones, each in order of arrival, whatever their run. The limiters of
    libraries hold one limit while they wait for the next; this one takes all of them or none. A conversation with a
    language model holds the places of its tools, too, and counts as one call of each.
    """

    def __init__(self, catalog: Catalog) -> None:
        super().__init__()
        self._catalog = catalog
        self._breakers = {f"provider {one.name}": Breaker(f"provider {one.name}") for one in catalog.providers}
        self._cooldowns = {one.name: Cooldown(f"provider {one.name}") for one in catalog.providers}
        providers = {provider.name: self._of_provider(provider) for provider in catalog.providers}
        used: dict[AgentName, Uses] = {}
        for agent in catalog.agents:
            uses = self._of_agent(agent)
            if agent.provider is not None:
                calls, tokens = providers[agent.provider]
                uses += calls
                if tokens is not None and agent.tokens_per_call > 0:
                    uses += ((tokens, agent.tokens_per_call),)
            used[agent.name] = uses
        queues = _queues_of(catalog)
        for agent in catalog.agents:
            if uses := _with_tools(used[agent.name], [used[tool] for tool in _tools(agent, catalog)]):
                self._queues[agent.name] = queues[agent.name], AgentQueue(uses)

    def reloaded(self, catalog: Catalog) -> "AdmissionLimits":
        """The limits of another catalog: these, if they are the same, so that all attempts go on sharing them."""
        return self if _limits_of(catalog) == _limits_of(self._catalog) else AdmissionLimits(catalog)

    def take(self, agent: AgentSpec) -> Callable[[], None]:
        """Take what a call of an agent uses, whether or not it is free; what is returned gives it back."""
        if agent.name not in self._queues:
            return lambda: None
        queue, uses = self._queues[agent.name][0], self._queues[agent.name][1].uses
        now_s = asyncio.get_running_loop().time()
        for capacity, amount in uses:
            capacity.take(amount, now_s)
        return lambda: queue.leave(uses)

    def cool_down(self, provider: str, until_s: float) -> None:
        """Admit no call of a provider before then, on the monotonic clock of the event loop."""
        if (cooldown := self._cooldowns.get(provider)) is not None:
            cooldown.extend(until_s)

    def record(self, agent: AgentSpec, *, down: bool) -> None:
        """An admitted attempt has ended. ``down``: nobody has answered it."""
        now_s = asyncio.get_running_loop().time()
        for breaker in self._breakers_of(agent):
            breaker.record(now_s, down=down)

    def outages(self) -> tuple[Outage, ...]:
        """The circuit breakers that are not closed."""
        now_s = asyncio.get_running_loop().time()
        found = (breaker.outage(now_s) for breaker in self._breakers.values())
        return tuple(outage for outage in found if outage is not None)

    def _breakers_of(self, agent: AgentSpec) -> list[Breaker]:
        owners = (f"agent {agent.name}", f"provider {agent.provider}")
        return [self._breakers[owner] for owner in owners if owner in self._breakers]

    def _of_agent(self, agent: AgentSpec) -> Uses:
        """What a call uses that belongs to the agent alone."""
        owner, uses = f"agent {agent.name}", list[tuple[Capacity, float]]()
        if agent.kind in REMOTE_KINDS or agent.provider is not None:
            breaker = self._breakers[owner] = Breaker(owner)
            uses.append((breaker, 0.0))
        if agent.concurrency is not None:
            uses.append((Semaphore(agent.concurrency, owner), 1.0))
        return tuple(uses)

    def _of_provider(self, provider: Provider) -> tuple[Uses, Capacity | None]:
        """What every call uses, and the bucket of its tokens."""
        calls: list[tuple[Capacity, float]] = [(self._cooldowns[provider.name], 0.0)]
        calls.append((self._breakers[f"provider {provider.name}"], 0.0))
        owner = f"provider {provider.name}"
        if provider.max_concurrent is not None:
            calls.append((Semaphore(provider.max_concurrent, owner), 1.0))
        if provider.requests_per_s is not None:
            calls.append((TokenBucket(provider.requests_per_s, 1.0, owner), 1.0))
        if provider.tokens_per_s is None:
            return tuple(calls), None
        return tuple(calls), TokenBucket(provider.tokens_per_s, provider.tokens_per_s, owner, "tokens")


def _queues_of(catalog: Catalog) -> dict[AgentName, AdmissionQueue]:
    """The queue of each agent: agents that share a capacity share the queue."""
    queues: dict[str, AdmissionQueue] = {}
    for agent in catalog.agents:
        together = [agent, *tools_of(agent, catalog)]
        owners = {f"agent {one.name}" for one in together}
        owners |= {f"provider {one.provider}" for one in together if one.provider is not None}
        joined = {queues[owner] for owner in owners & queues.keys()}
        owners |= {owner for owner, queue in queues.items() if len(joined) > 1 and queue in joined}
        queues |= dict.fromkeys(owners, next(iter(joined)) if len(joined) == 1 else AdmissionQueue())
    return {agent.name: queues[f"agent {agent.name}"] for agent in catalog.agents}


def _with_tools(own: Uses, tools: Iterable[Uses]) -> Uses:
    """What a conversation uses, each capacity once. Tools that do not answer hold up no conversation."""
    uses = dict(own)
    for capacity, amount in (one for tool in tools for one in tool):
        if isinstance(capacity, Semaphore | TokenBucket):
            uses.setdefault(capacity, amount)
    return tuple(uses.items())
