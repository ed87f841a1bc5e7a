"""How many attempts an agent and its provider bear at once, and how fast: waited for before an attempt is submitted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.admission.capacity import Capacity, Semaphore, TokenBucket
from actors.admission.queues import AdmissionQueue, AgentQueue, Ticket, Uses
from planners.agents import AgentSpec, Catalog, Provider
from planners.model import AgentName, AttemptId


class AdmissionLimits:
    """The limits of a catalog, as one executor may use them up.

    ``share`` is the part of every limit that belongs to this executor (1 / number of executors); at least one call at
    once always does. Requests are spaced evenly: 5 requests/s are one each 200 ms, never five at once; tokens may
    come in bursts of one second's worth. Confirmed attempts go before speculative ones, each in order of arrival
    whatever run they are of. Libraries' limiters hold one limit while waiting for the next; this takes all or none.
    """

    def __init__(self, catalog: Catalog, share: float = 1.0) -> None:
        self._share = share
        providers = {provider.name: self._of_provider(provider) for provider in catalog.providers}
        doors = {provider.name: AdmissionQueue() for provider in catalog.providers}
        self._rooms: dict[AgentName, tuple[AdmissionQueue, AgentQueue]] = {}
        self._waiting: dict[AttemptId, tuple[AdmissionQueue, Ticket]] = {}
        for agent in catalog.agents:
            uses = self._of_agent(agent)
            if agent.provider is not None:
                calls, tokens = providers[agent.provider]
                uses += calls
                if tokens is not None and agent.tokens_per_call > 0:
                    uses += ((tokens, agent.tokens_per_call),)
            if uses:
                door = AdmissionQueue() if agent.provider is None else doors[agent.provider]
                self._rooms[agent.name] = door, AgentQueue(uses)

    @asynccontextmanager
    async def room_for(self, agent: AgentSpec, attempt: AttemptId, *, speculative: bool = False) -> AsyncIterator[None]:
        """Hold room for one attempt; waits for its turn. Cancelled while it waits, the attempt has used nothing."""
        if agent.name not in self._rooms:
            yield
            return
        door, line = self._rooms[agent.name]
        place = door.place(line, speculative=speculative)
        self._waiting[attempt] = door, place
        try:
            await door.enter(place)
        finally:
            self._waiting.pop(attempt, None)
        try:
            yield
        finally:
            door.leave(line.uses)

    def confirm(self, attempt: AttemptId) -> None:
        """A speculative attempt that waits is one of the confirmed from now on. Nothing changes where none waits."""
        if (waiting := self._waiting.get(attempt)) is not None:
            door, place = waiting
            door.confirm(place)

    def _of_agent(self, agent: AgentSpec) -> Uses:
        return () if agent.concurrency is None else ((self._places(agent.concurrency), 1.0),)

    def _of_provider(self, provider: Provider) -> tuple[Uses, Capacity | None]:
        """What every call takes, and what its tokens are taken from."""
        calls: list[tuple[Capacity, float]] = []
        if provider.max_concurrent is not None:
            calls.append((self._places(provider.max_concurrent), 1.0))
        if provider.requests_per_s is not None:
            calls.append((TokenBucket(provider.requests_per_s * self._share, burst=1.0), 1.0))
        tokens_per_s = None if provider.tokens_per_s is None else provider.tokens_per_s * self._share
        return tuple(calls), None if tokens_per_s is None else TokenBucket(tokens_per_s, burst=tokens_per_s)

    def _places(self, limit: int) -> Semaphore:
        return Semaphore(max(1, int(limit * self._share)))
