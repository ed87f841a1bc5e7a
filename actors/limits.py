"""How many attempts an agent and its provider bear at once, and how fast: waited for before an attempt is submitted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiolimiter import AsyncLimiter

from planners.agents import AgentSpec, Catalog, Provider


class Limits:
    """The limits of a catalog, as one executor may use them up.

    ``share`` is the part of every limit that belongs to this executor (1 / number of executors); at least one call at
    once always does. Requests are spaced evenly: 5 requests/s are one each 200 ms, never five at once; tokens may
    come in bursts of one second's worth.
    """

    def __init__(self, catalog: Catalog, share: float = 1.0) -> None:
        self._share = share
        self._agents = {agent.name: self._slots(agent.concurrency) for agent in catalog.agents if agent.concurrency}
        self._providers = {
            provider.name: _ProviderLimits(self._slots(provider.max_concurrent), provider, share)
            for provider in catalog.providers
        }

    def bind(self, agent: AgentSpec) -> bool:
        """Whether attempts of this agent may have to wait."""
        return agent.name in self._agents or agent.provider is not None

    @asynccontextmanager
    async def room_for(self, agent: AgentSpec) -> AsyncIterator[None]:
        """Hold room for one attempt; waits, in order of arrival, until there is."""
        async with AsyncExitStack() as held:
            if (slots := self._agents.get(agent.name)) is not None:
                await held.enter_async_context(slots)
            if agent.provider is not None:
                await self._providers[agent.provider].enter(held, agent)
            yield

    def _slots(self, limit: int | None) -> asyncio.Semaphore | None:
        return None if limit is None else asyncio.Semaphore(max(1, int(limit * self._share)))


class _ProviderLimits:
    """What the agents of one provider share."""

    def __init__(self, slots: asyncio.Semaphore | None, provider: Provider, share: float) -> None:
        self._slots = slots
        requests, tokens = provider.requests_per_s, provider.tokens_per_s
        self._requests = None if requests is None else AsyncLimiter(1, 1 / (requests * share))
        self._tokens = None if tokens is None else AsyncLimiter(tokens * share, 1)

    async def enter(self, held: AsyncExitStack, agent: AgentSpec) -> None:
        if self._slots is not None:
            await held.enter_async_context(self._slots)
        if self._requests is not None:
            await self._requests.acquire()
        if self._tokens is not None and agent.tokens_per_call > 0:
            await _take(self._tokens, agent.tokens_per_call)


async def _take(tokens: AsyncLimiter, needed: float) -> None:
    """One call may need more than a second gives: it takes a full bucket at a time."""
    while needed > 0:
        part = min(needed, tokens.max_rate)
        await tokens.acquire(part)
        needed -= part
