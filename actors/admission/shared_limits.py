"""The limits of a catalog for several executors together: one queue for all, so that no share lies idle."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from actors.admission.limits import AdmissionLimits
from planners.agents import Catalog
from planners.cluster import Outage
from planners.model import AgentName, AttemptId


@dataclass
class _Member:
    """What an executor holds and waits for."""

    inside: dict[AttemptId, AsyncExitStack] = field(default_factory=dict)
    waiting: dict[AttemptId, asyncio.Task[None]] = field(default_factory=dict)


class SharedLimits:
    """Admits attempts of several executors ("members"), each under a name that a restart of it does not repeat."""

    def __init__(self, catalog: Catalog) -> None:
        self._agents = catalog.by_name
        self._limits = AdmissionLimits(catalog)
        self._former: list[AdmissionLimits] = []  # attempts that came before a reload may wait there
        self._members: dict[str, _Member] = {}

    def reload(self, catalog: Catalog) -> None:
        """Use the limits of another catalog for later attempts. It has the agents that earlier ones need."""
        self._agents = catalog.by_name
        reloaded = self._limits.reloaded(catalog)
        if reloaded is not self._limits:
            self._former.append(self._limits)
            self._limits = reloaded

    async def enter(self, member: str, agent: AgentName, attempt: AttemptId, *, speculative: bool) -> bool:
        """Wait until the attempt is admitted. False: it has left while it waited. One that asks again waits once."""
        known = self._members.setdefault(member, _Member())
        if attempt in known.inside:
            return True
        if attempt not in known.waiting:
            entering = self._entered(known, agent, attempt, speculative)
            known.waiting[attempt] = asyncio.ensure_future(entering)
        task = known.waiting[attempt]
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                await self.leave(member, [attempt])
                raise
            return False
        return True

    async def leave(self, member: str, attempts: Iterable[AttemptId]) -> None:
        """Attempts have ended, or no longer wait."""
        known = self._members.get(member, _Member())
        for attempt in attempts:
            if (waiting := known.waiting.pop(attempt, None)) is not None:
                waiting.cancel()
            if (inside := known.inside.pop(attempt, None)) is not None:
                await inside.aclose()

    async def hold(self, member: str, attempts: Iterable[tuple[AgentName, AttemptId]]) -> None:
        """A member tells what it holds, to limits that have started anew. They are taken without waiting in turn."""
        known = self._members.setdefault(member, _Member())
        for agent, attempt in attempts:
            if attempt not in known.inside and agent in self._agents:
                stack = known.inside[attempt] = AsyncExitStack()
                stack.callback(self._limits.take(self._agents[agent]))

    async def forget(self, member: str) -> None:
        """A member has died: what it held is free."""
        if (known := self._members.pop(member, None)) is not None:
            for waiting in known.waiting.values():
                waiting.cancel()
            for inside in known.inside.values():
                await inside.aclose()

    def record(self, agent: AgentName, *, down: bool) -> None:
        """See `AdmissionLimits.record`."""
        if agent in self._agents:
            self._limits.record(self._agents[agent], down=down)

    def outages(self) -> tuple[Outage, ...]:
        """See `AdmissionLimits.outages`."""
        return self._limits.outages()

    def confirm(self, attempt: AttemptId) -> None:
        """See `Admission.confirm`."""
        for limits in (self._limits, *self._former):
            limits.confirm(attempt)

    def cool_down(self, provider: str, seconds: float) -> None:
        """See `AdmissionLimits.cool_down`."""
        self._limits.cool_down(provider, asyncio.get_running_loop().time() + seconds)

    def told(self, member: str) -> dict[AttemptId, str]:
        """What each waiting attempt of a member waits for, in words."""
        now_s, known = asyncio.get_running_loop().time(), self._members.get(member, _Member())
        said = {attempt: self._limits.told(attempt, now_s) for attempt in known.waiting}
        return {attempt: words for attempt, words in said.items() if words is not None}

    async def _entered(self, known: _Member, agent: AgentName, attempt: AttemptId, speculative: bool) -> None:  # noqa: FBT001 passed on
        """Wait for the limits. An attempt is always among those that wait or those inside, so that it can leave."""
        stack = AsyncExitStack()
        try:
            await stack.enter_async_context(
                self._limits.admission(self._agents[agent], attempt, speculative=speculative)
            )
        finally:
            if known.waiting.get(attempt) is asyncio.current_task():
                del known.waiting[attempt]
        known.inside[attempt] = stack
