"""Guesses again while the optimal plan streams in: each longer prefix of it says more about the rest."""

import asyncio
import logging
from collections.abc import Callable

from planners.plans import Plan
from planners.requests import Continuation, PlanRequest
from reconciler.runtime.shard_resources import ShardResources
from reconciler.state import events as e

_log = logging.getLogger(__name__)
# A plan is guessed again at most so often, and only while so few of its steps are known: each guess at a long plan
# takes longer, and less is left to guess.
_MOST_REVISIONS, _LONGEST_PREFIX = 8, 16


class GuessRevision:
    """The guesses of one planning session. At most one is being made; prefixes that arrive meanwhile are skipped."""

    def __init__(self, shared: ShardResources, post: Callable[[e.Event], None]) -> None:
        """``post`` receives the guesses; they are made in the shard's planning thread."""
        self._ports = shared.ports
        self._thread = shared.planning_thread
        self._post = post
        self._made: list[Plan] = []
        self._revisions = 0
        self._latest: tuple[PlanRequest, Plan] | None = None
        self._task: asyncio.Task[None] | None = None

    def acted_on(self, guess: Plan) -> None:
        """A guess was posted."""
        self._made.append(guess)

    def prefix(self, request: PlanRequest, plan: Plan) -> None:
        """A prefix of the optimal plan has arrived, or the whole plan."""
        if plan.complete or not self._made:
            self._latest = None
            return
        if len(plan.steps) <= _LONGEST_PREFIX:
            self._latest = request, plan
            if self._task is None or self._task.done():
                self._task = asyncio.get_running_loop().create_task(self._revise())

    def stop(self) -> None:
        """Guess no more. Nothing more is posted."""
        self._latest = None
        if self._task is not None:
            self._task.cancel()

    async def _revise(self) -> None:
        while self._latest is not None and self._revisions < _MOST_REVISIONS:
            (request, prefix), self._latest = self._latest, None
            self._revisions += 1
            loop = asyncio.get_running_loop()
            event = await loop.run_in_executor(self._thread, self._continued, request, prefix)
            if event is not None:
                self._made.append(event.plan)
                self._post(event)

    def _continued(self, request: PlanRequest, prefix: Plan) -> e.SpeculativePlanReady | None:
        try:
            found: Continuation | None = self._ports.planning.continuation(request, prefix, self._made)
            if found is None:
                return None
            conditions = self._ports.advice.conditions(request, found.plan)
        except Exception:  # noqa: BLE001 -- whatever is wrong with planner or models, the task goes on with its guesses
            _log.exception("the guess at task of kind '%s' is not made again", request.task.kind)
            return None
        return e.SpeculativePlanReady(
            at_s=0,
            plan=found.plan,
            epoch=request.epoch,
            continues=len(prefix.steps),
            unlikely=tuple(sorted(found.unlikely)),
            conditions=conditions,
        )
