"""Enforces the concurrency and rate limits of agents and providers. Attempts wait here before they are submitted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.admission.capacity import Capacity, Semaphore, TokenBucket
from actors.admission.queues import AdmissionQueue, AgentQueue, Ticket, Uses
from planners.agents import AgentSpec, Catalog, Provider
from planners.model import AgentName, AttemptId


class AdmissionLimits:
    """The limits of a catalog, as far as one executor may use them.

    ``share`` is the part of every limit that belongs to this executor (1 / number of executors); one call at once is
    always allowed. Requests are spaced evenly (5 requests/s: one every 200 ms); tokens may come in bursts of one
    second's worth. Confirmed attempts go before speculative ones, each in order of arrival, whatever their run. The
    limiters of libraries hold one limit while they wait for the next; this one takes all of them or none.
    """

    def __init__(self, catalog: Catalog, share: float = 1.0) -> None:
        self._share = share
        providers = {provider.name: self._of_provider(provider) for provider in catalog.providers}
        shared = {provider.name: AdmissionQueue() for provider in catalog.providers}
        self._queues: dict[AgentName, tuple[AdmissionQueue, AgentQueue]] = {}
        self._waiting: dict[AttemptId, tuple[AdmissionQueue, Ticket]] = {}
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

    @asynccontextmanager
    async def admission(
        self, agent: AgentSpec, attempt: AttemptId, *, speculative: bool = False
    ) -> AsyncIterator[None]:
        """Wait until the limits admit the attempt, and hold them while the context is open.

        An attempt that is cancelled while it waits has used nothing.
        """
        if agent.name not in self._queues:
            yield
            return
        queue, agent_queue = self._queues[agent.name]
        ticket = queue.ticket(agent_queue, speculative=speculative)
        self._waiting[attempt] = queue, ticket
        try:
            await queue.enter(ticket)
        finally:
            self._waiting.pop(attempt, None)
        try:
            yield
        finally:
            queue.leave(agent_queue.uses)

    def confirm(self, attempt: AttemptId) -> None:
        """Let a speculative attempt that waits wait with the confirmed ones. Does nothing if it does not wait."""
        if (waiting := self._waiting.get(attempt)) is not None:
            queue, ticket = waiting
            queue.confirm(ticket)

    def _of_agent(self, agent: AgentSpec) -> Uses:
        return () if agent.concurrency is None else ((self._semaphore(agent.concurrency), 1.0),)

    def _of_provider(self, provider: Provider) -> tuple[Uses, Capacity | None]:
        """What every call uses, and the bucket of its tokens."""
        calls: list[tuple[Capacity, float]] = []
        if provider.max_concurrent is not None:
            calls.append((self._semaphore(provider.max_concurrent), 1.0))
        if provider.requests_per_s is not None:
            calls.append((TokenBucket(provider.requests_per_s * self._share, burst=1.0), 1.0))
        tokens_per_s = None if provider.tokens_per_s is None else provider.tokens_per_s * self._share
        return tuple(calls), None if tokens_per_s is None else TokenBucket(tokens_per_s, burst=tokens_per_s)

    def _semaphore(self, limit: int) -> Semaphore:
        return Semaphore(max(1, int(limit * self._share)))
