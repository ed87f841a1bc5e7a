"""Enforces the concurrency and rate limits of agents and providers. Attempts wait here before they are submitted."""

from actors.admission.admission import Admission
from actors.admission.capacity import Capacity, Cooldown, Semaphore, TokenBucket
from actors.admission.queues import AdmissionQueue, AgentQueue, Uses
from planners.agents import AgentSpec, Catalog, Provider


class AdmissionLimits(Admission):
    """The limits of a catalog, as far as one executor may use them.

    ``share`` is the part of every limit that belongs to this executor (1 / number of executors); one call at once is
    always allowed. Requests are spaced evenly (5 requests/s: one every 200 ms); tokens may come in bursts of one
    second's worth. Confirmed attempts go before speculative ones, each in order of arrival, whatever their run. The
    limiters of libraries hold one limit while they wait for the next; this one takes all of them or none.
    """

    def __init__(self, catalog: Catalog, share: float = 1.0) -> None:
        super().__init__()
        self._share = share
        self._cooldowns = {one.name: Cooldown(f"provider {one.name}") for one in catalog.providers}
        providers = {provider.name: self._of_provider(provider) for provider in catalog.providers}
        shared = {provider.name: AdmissionQueue() for provider in catalog.providers}
        for agent in catalog.agents:
            uses = self._of_agent(agent)
            if agent.provider is not None:
                calls, tokens = providers[agent.provider]
                uses += calls
                if tokens is not None and agent.tokens_per_call > 0:
                    uses += ((tokens, agent.tokens_per_call),)
            if uses:
                queue = AdmissionQueue() if agent.provider is None else shared[agent.provider]
                self._queues[agent.name] = queue, AgentQueue(uses)

    def cool_down(self, provider: str, until_s: float) -> None:
        """Admit no call of a provider before then, on the monotonic clock of the event loop."""
        if (cooldown := self._cooldowns.get(provider)) is not None:
            cooldown.extend(until_s)

    def _of_agent(self, agent: AgentSpec) -> Uses:
        return () if agent.concurrency is None else ((self._semaphore(agent.concurrency, f"agent {agent.name}"), 1.0),)

    def _of_provider(self, provider: Provider) -> tuple[Uses, Capacity | None]:
        """What every call uses, and the bucket of its tokens."""
        calls: list[tuple[Capacity, float]] = [(self._cooldowns[provider.name], 0.0)]
        owner = f"provider {provider.name}"
        if provider.max_concurrent is not None:
            calls.append((self._semaphore(provider.max_concurrent, owner), 1.0))
        if provider.requests_per_s is not None:
            calls.append((TokenBucket(provider.requests_per_s * self._share, 1.0, owner), 1.0))
        if provider.tokens_per_s is None:
            return tuple(calls), None
        tokens_per_s = provider.tokens_per_s * self._share
        return tuple(calls), TokenBucket(tokens_per_s, tokens_per_s, owner, "tokens")

    def _semaphore(self, limit: int, owner: str) -> Semaphore:
        return Semaphore(max(1, int(limit * self._share)), owner)
