"""The guesses at one plan, each posted as soon as it is made: the speculative plan, its alternatives, and a draft."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple

from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest
from planners.tasks import Mode
from reconciler.runtime.draft_guess import DraftGuess
from reconciler.runtime.guess_revision import GuessRevision
from reconciler.runtime.run_clock import RunClock
from reconciler.runtime.shard_resources import ShardResources
from reconciler.state import events as e
from reconciler.state.conditions import Conditions

_log = logging.getLogger(__name__)
# The first speculative attempts are dispatched before the request to the optimal planner occupies the event loop.
_HEAD_START_S = 0.002
# The optimal planner of a goal waits no longer for a guess: decomposing takes seconds, and a guess is only a hint. The
# thread in which guesses are made may be busy with those of other runs. Where guesses fail, it does not wait at all.
_LONGEST_WAIT_S = 0.02
_NO_GUESS = Plan(kind=PlanKind.SPECULATIVE, complete=False)
_SPECULATING = frozenset({Mode.FORERUN, Mode.PLAN_CACHE})


class _Guess(NamedTuple):
    """A speculative plan and what the gate needs for it; None if the learner failed to judge the plan."""

    plan: Plan
    conditions: Conditions | None = None


class GuessSession:
    """Guesses at the plan of one request. All but drafts are made in the shard's planning thread."""

    def __init__(
        self, request: PlanRequest, shared: ShardResources, clock: RunClock, post: Callable[[e.Event], None]
    ) -> None:
        """``post`` receives the guesses; ``clock`` tells seconds since the run's admission."""
        self._request = request
        self._ports = shared.ports
        self._thread = shared.planning_thread
        self._post = post
        self._revision = GuessRevision(shared, post)
        self._draft = DraftGuess(request, shared.ports, clock, self._act_on_draft)
        self._posted: list[Plan] = []
        self._task: asyncio.Task[None] | None = None
        self._is_worth_more = True  # than the first guess

    async def first(self) -> Plan | None:
        """Begin to guess. Returns the first guess, as a hint for the optimal planner.

        None if there is none, if the plan undoes what was done, or if the plan of a goal should not wait for it: the
        guess takes long, or guesses at this kind of task fail. A task that may fall back on its guess gets one in every
        mode, and waits for it.
        """
        if self._request.facts.undo:
            return None
        planning = self._request.task.planning
        speculates = planning.mode in _SPECULATING
        if not (speculates or planning.fallback):
            return None
        loop = asyncio.get_running_loop()
        made: asyncio.Future[Plan | None] = loop.create_future()
        self._task = loop.create_task(self._guess(made, speculates=speculates))
        is_only_a_hint = self._request.task.goal is not None and not planning.fallback
        if is_only_a_hint and not _may_be_right(self._judged(_NO_GUESS)):
            return None
        await asyncio.wait({made}, timeout=_LONGEST_WAIT_S if is_only_a_hint else None)
        if not made.done():
            return None
        await asyncio.sleep(_HEAD_START_S)
        return made.result()

    def plan_arrived(self, plan: Plan) -> None:
        """A prefix of the optimal plan has arrived, or the whole plan."""
        self._draft.plan_arrived(plan)
        if plan.complete:
            self.stop()
        elif self._is_worth_more:
            self._revision.prefix(self._request, plan)

    def stop(self) -> None:
        """Guess no more. Nothing more is posted."""
        self._revision.stop()
        self._draft.stop()
        if self._task is not None:
            self._task.cancel()

    async def _guess(self, made: asyncio.Future[Plan | None], *, speculates: bool) -> None:
        """Make the speculative plan, then its alternatives. ``made`` gets the first."""
        guesses = self._ports.planning.guesses(self._request)
        first: _Guess | None = None
        try:
            first = await self._next(guesses)
            if speculates:
                await self._begin(first)
        finally:
            made.set_result(None if first is None else first.plan)
        if first is None or not speculates:
            return
        await asyncio.sleep(_HEAD_START_S)
        while self._is_worth_more and (other := await self._next(guesses)) is not None:
            if other.conditions is not None:
                self._act_on(other.plan, other.conditions, alternative=True)

    async def _begin(self, first: _Guess | None) -> None:
        """Act on the first guess, and ask for a draft where that is worth it."""
        plan = first.plan if first is not None else _NO_GUESS
        conditions = first.conditions if first is not None else None
        if first is None and self._draft.is_possible:
            conditions = await asyncio.get_running_loop().run_in_executor(self._thread, self._judged, plan)
        if conditions is None:
            return
        # Where guesses fail, further ones only take CPU from the agents; one a task shows whether that has changed.
        self._is_worth_more = _may_be_right(conditions)
        if self._is_worth_more:
            self._draft.ask(plan, conditions, self._posted)
        if first is not None:
            self._act_on(plan, conditions)

    def _act_on(self, plan: Plan, conditions: Conditions, *, alternative: bool = False) -> None:
        if self._draft.has_arrived:
            return
        conditions = conditions.model_copy(update={"later": self._draft.expected})
        epoch = self._request.epoch
        self._post(
            e.SpeculativePlanReady(at_s=0, plan=plan, epoch=epoch, conditions=conditions, alternative=alternative)
        )
        self._posted.append(plan)
        self._revision.acted_on(plan)
        if self._ports.warming is not None and not conditions.guidance.closed:
            self._ports.warming.expect(plan)  # after the guess was posted: its first dispatch comes first

    def _act_on_draft(self, event: e.SpeculativePlanReady) -> None:
        self._post(event)
        self._revision.acted_on(event.plan)

    async def _next(self, guesses: Iterator[Plan]) -> _Guess | None:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._made, guesses)

    def _made(self, guesses: Iterator[Plan]) -> _Guess | None:
        """The next guess. Runs in the shard's planning thread: a guess at a large task takes seconds."""
        try:
            plan = next(guesses, None)
        except Exception:  # noqa: BLE001 -- whatever is wrong with the speculative planner, the task goes on without it
            _log.exception("no speculative plan for a task of kind '%s'", self._request.task.kind)
            return None
        return None if plan is None else _Guess(plan, self._judged(plan))

    def _judged(self, plan: Plan) -> Conditions | None:
        try:
            return self._ports.advice.conditions(self._request, plan)
        except Exception:  # noqa: BLE001 -- whatever is wrong with learned models, the task goes on without them
            _log.exception("no advice for a task of kind '%s', so nothing is speculated on", self._request.task.kind)
            return None


def _may_be_right(conditions: Conditions | None) -> bool:
    """Whether guesses at this kind of task are right often enough that something may wait for them."""
    return conditions is not None and conditions.guidance.trust >= conditions.policy.probe_below
