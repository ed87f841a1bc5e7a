"""The limits that several shards share: an actor that admits their attempts, and what an executor uses to ask it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import RayActorError

from actors.admission.shared_limits import SharedLimits
from planners.agents import REMOTE_KINDS, AgentSpec, Catalog
from planners.cluster import Outage
from planners.model import AgentName, AttemptId

_MOST_WAITING = 100_000
_WORDS_EVERY_S = 1.0
_AGAIN_S = 0.2
# How often a shard looks whether the actor still knows it, and how long an actor that has just started waits for all
# shards before it admits anybody: after a crash only they know what is in use.
_LOOK_S, _MISSED_S = 1.0, 5.0
_log = logging.getLogger(__name__)


class LimitsActor:
    """`SharedLimits` as a Ray actor. Restarted if it dies; the members then tell it what they hold.

    ``seats``: how many members there are. Until all have joined, or some seconds have passed, nobody is admitted.
    """

    def __init__(self, catalog: Catalog, seats: int) -> None:
        self._limits = SharedLimits(catalog)
        self._most = seats
        self._seats: dict[int, str] = {}
        self._replaced: set[str] = set()
        self._opens_s = time.monotonic() + _MISSED_S

    async def join(self, seat: int, member: str, held: list[tuple[AgentName, AttemptId]]) -> None:
        """A member takes a shard's seat; whoever had it before has died, and never takes it again."""
        if member in self._replaced:
            return
        before = self._seats.get(seat)
        self._seats[seat] = member
        if before is not None and before != member:
            self._replaced.add(before)
            await self._limits.forget(before)
        await self._limits.hold(member, held)

    async def knows(self, member: str) -> bool:
        """Whether a member has a seat. If not, it has to join: the actor has been restarted."""
        return member in self._seats.values()

    async def reload(self, catalog: Catalog) -> None:
        """See `SharedLimits.reload`."""
        self._limits.reload(catalog)

    async def enter(self, member: str, agent: AgentName, attempt: AttemptId, speculative: bool) -> bool:  # noqa: FBT001 Ray
        """See `SharedLimits.enter`. False, too, before the member has joined and as long as others may yet join."""
        is_open = len(self._seats) >= self._most or time.monotonic() >= self._opens_s
        if not is_open or member not in self._seats.values():
            return False
        return await self._limits.enter(member, agent, attempt, speculative=speculative)

    async def leave(
        self, member: str, attempts: list[AttemptId], ended: Sequence[tuple[AgentName, bool]] = ()
    ) -> tuple[Outage, ...]:
        """See `SharedLimits.leave`. ``ended``: agents whose attempts have ended, and whether nobody has answered.

        Returns:
            See `SharedLimits.outages`.
        """
        for agent, down in ended:
            self._limits.record(agent, down=down)
        await self._limits.leave(member, attempts)
        return self._limits.outages()

    async def confirm(self, attempt: AttemptId) -> None:
        """See `SharedLimits.confirm`."""
        self._limits.confirm(attempt)

    async def cool_down(self, provider: str, seconds: float) -> None:
        """See `SharedLimits.cool_down`."""
        self._limits.cool_down(provider, seconds)

    async def told(self, member: str) -> dict[AttemptId, str]:
        """See `SharedLimits.told`."""
        return self._limits.told(member)


def create_limits(catalog: Any, name: str, scheduling_strategy: Any = None, *, seats: int) -> Any:
    """Start the actor; returns its handle. ``catalog``: one, or a reference to it. ``seats``: of how many shards."""
    options = ray.remote(LimitsActor).options(
        name=name,
        num_cpus=0,
        max_concurrency=_MOST_WAITING,
        max_restarts=-1,
        max_task_retries=0,
        scheduling_strategy=scheduling_strategy,
    )
    return options.remote(catalog, seats)


class CentralLimits:
    """Fulfils `actors.executor.hosted.AdmissionControl` by asking a `LimitsActor`, for agents that have limits."""

    def __init__(self, catalog: Catalog, actor: Any, seat: int) -> None:
        """Set up; asks nothing. ``seat``: the number of the shard."""
        self._actor = actor
        self._reloaded: Catalog | None = None  # what an actor that is restarted has to be told
        self._seat = seat
        self._member = uuid4().hex
        self._limited = _limited(catalog)
        self._held: dict[AttemptId, AgentName] = {}
        self._waiting: dict[AttemptId, None] = {}
        self._words: Mapping[AttemptId, str] = {}
        self._left: list[AttemptId] = []
        self._ended: list[tuple[AgentName, bool]] = []
        self._outages: tuple[Outage, ...] = ()
        self._following: asyncio.Task[None] | None = None
        self._joining: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None

    def join(self) -> None:
        """Take the shard's seat soon, though no attempt asks yet: what its former process held is free then."""
        if self._joining is None:
            self._joining = asyncio.ensure_future(self._join())
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._look())

    def close(self) -> None:
        """See `Admission.close`: the seat is left to others."""
        for going_on in (self._joining, self._looking):
            if going_on is not None:
                going_on.cancel()

    @asynccontextmanager
    async def admission(
        self,
        agent: AgentSpec,
        attempt: AttemptId,
        *,
        speculative: bool = False,
        preempt: Callable[[], None] | None = None,
    ) -> AsyncIterator[None]:
        """See `Admission.admission`. Attempts of several shards are not preempted."""
        if agent.name not in self._limited:
            yield
            return
        self._waiting[attempt] = None
        try:
            await self._enter(agent.name, attempt, speculative=speculative)
            self._held[attempt] = agent.name
        except asyncio.CancelledError:
            self._leave(attempt)
            raise
        finally:
            del self._waiting[attempt]
        try:
            yield
        finally:
            del self._held[attempt]
            self._leave(attempt)

    def admits(self, agent: AgentSpec) -> bool:
        """See `Admission.admits`."""
        return agent.name not in self._limited

    def confirm(self, attempt: AttemptId) -> None:
        """See `Admission.confirm`."""
        if attempt in self._waiting:
            self._actor.confirm.remote(attempt)

    def cool_down(self, provider: str, until_s: float) -> None:
        """See `AdmissionLimits.cool_down`."""
        self._actor.cool_down.remote(provider, until_s - asyncio.get_running_loop().time())

    def record(self, agent: AgentSpec, *, down: bool) -> None:
        """See `AdmissionLimits.record`."""
        if agent.name in self._limited:
            self._ended.append((agent.name, down))

    def outages(self) -> tuple[Outage, ...]:
        """See `AdmissionLimits.outages`; as of the last attempt of this shard that has ended, or a second ago."""
        if self._outages and (self._following is None or self._following.done()):
            self._following = asyncio.ensure_future(self._follow_outages())
        return self._outages

    def reloaded(self, catalog: Catalog) -> "CentralLimits":
        """See `AdmissionLimits.reloaded`: these, and the actor's are those of the catalog."""
        self._limited, self._reloaded = _limited(catalog), catalog
        self._actor.reload.remote(catalog)
        return self

    def told(self, attempt: AttemptId, now_s: float) -> str | None:
        """See `Admission.told`; at most a second old."""
        if attempt not in self._waiting:
            return None
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask())
        return self._words.get(attempt, "the limits of its agent or provider are in use")

    async def _enter(self, agent: AgentName, attempt: AttemptId, *, speculative: bool) -> None:
        while True:
            await self._joined()
            try:
                if await self._actor.enter.remote(self._member, agent, attempt, speculative):
                    return
            except RayActorError as error:  # it is being restarted
                _log.warning("the limits that all shards share are away: %s", type(error).__name__)
            self._joining = None  # it may be another actor by now, which knows nobody
            await asyncio.sleep(_AGAIN_S)

    async def _joined(self) -> None:
        self.join()
        assert self._joining is not None
        await asyncio.shield(self._joining)

    async def _look(self) -> None:
        """Join an actor that has been restarted, though no attempt asks: it has to know what is in use."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                is_known = await self._actor.knows.remote(self._member)
            except RayActorError:
                is_known = False
            if not is_known:
                self._joining = None
                await self._joined()

    async def _join(self) -> None:
        while True:
            try:
                if self._reloaded is not None:
                    await self._actor.reload.remote(self._reloaded)
                held = [(agent, attempt) for attempt, agent in self._held.items()]
                await self._actor.join.remote(self._seat, self._member, held)
            except RayActorError:
                await asyncio.sleep(_AGAIN_S)
            else:
                return

    def _leave(self, attempt: AttemptId) -> None:
        """Tell it at the end of this turn of the event loop, together with others."""
        if not self._left:
            asyncio.get_running_loop().call_soon(self._send_left)
        self._left.append(attempt)

    def _send_left(self) -> None:
        left, self._left = self._left, []
        ended, self._ended = self._ended, []
        answer = self._actor.leave.remote(self._member, left, ended)
        if any(down for _, down in ended) or self._outages:
            self._following = asyncio.ensure_future(self._take_outages(answer))

    async def _take_outages(self, answer: Any) -> None:
        with suppress(RayActorError):  # a new actor has no outages yet
            self._outages = await answer

    async def _follow_outages(self) -> None:
        await asyncio.sleep(_WORDS_EVERY_S)
        await self._take_outages(self._actor.leave.remote(self._member, []))

    async def _ask(self) -> None:
        try:
            self._words = await self._actor.told.remote(self._member)
        except RayActorError:
            self._words = {}
        await asyncio.sleep(_WORDS_EVERY_S)


def _limited(catalog: Catalog) -> frozenset[AgentName]:
    return frozenset(
        agent.name
        for agent in catalog.agents
        if agent.provider is not None or agent.concurrency is not None or agent.kind in REMOTE_KINDS
    )
