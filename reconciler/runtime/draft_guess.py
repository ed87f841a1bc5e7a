"""A draft of the plan, from a planner that is faster than the optimal one and righter than the speculative one."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from planners.guesses import contradicted_works
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.tasks import Mode
from reconciler.gate import LaterGuess, worth_asking
from reconciler.runtime.ports import Ports
from reconciler.runtime.run_clock import RunClock
from reconciler.state import events as e
from reconciler.state.conditions import Conditions

_log = logging.getLogger(__name__)


class DraftGuess:
    """Asks for at most one draft of a plan, where it is worth its price, and posts it as a guess.

    The draft replaces the guesses before it, and gives up what it makes unlikely. It is of no use once the optimal plan
    has begun otherwise.
    """

    def __init__(
        self, request: PlanRequest, ports: Ports, clock: RunClock, post: Callable[[e.SpeculativePlanReady], None]
    ) -> None:
        """``post`` receives the draft; ``clock`` tells seconds since the run's admission."""
        self._request = request
        self._drafter = ports.drafter
        self._clock = clock
        self._post = post
        self._asked_s: float | None = None
        self._took_s: float | None = None
        self._draft: Plan | None = None
        self._prefix: Plan | None = None
        self._task: asyncio.Task[None] | None = None
        self.expected: LaterGuess | None = None
        self.has_arrived = False  # no guess of lower authority counts any more

    @property
    def is_possible(self) -> bool:
        """Whether there is somebody to ask, and a goal in mode forerun."""
        task = self._request.task
        return self._drafter is not None and task.goal is not None and task.planning.mode is Mode.FORERUN

    def ask(self, guess: Plan, conditions: Conditions, before: Sequence[Plan]) -> None:
        """Ask for a draft if it is worth it, given the guess in hand.

        ``before``: the guesses that have been posted when the draft arrives; it grows.
        """
        if self._drafter is None or not self.is_possible:
            return
        now_s, guidance, task = self._clock.now_s, conditions.guidance, self._request.task
        expected = self._drafter.expected(task)
        later = expected.model_copy(update={"at_s": now_s + expected.at_s})
        survival = [guidance.calibration.of(planned.probability) for planned in guess.steps]
        likely = sum(survival) / len(survival) if survival else 0.0
        plan_s = guidance.expected_plan_s(now_s, conditions.prior_plan_s)
        if worth_asking(later, self._drafter.usd_per_call, likely, plan_s, task.planning):
            self.expected, self._asked_s = later, now_s
            self._task = asyncio.get_running_loop().create_task(self._make(conditions, before))

    def plan_arrived(self, plan: Plan) -> None:
        """A prefix of the optimal plan has arrived, or the whole plan, by which drafts are judged."""
        self._prefix = plan
        if plan.complete and self._drafter is not None and self._asked_s is not None:
            took_s = self._clock.now_s - self._asked_s if self._took_s is None else self._took_s
            self._drafter.observe(self._request.task, self._draft, plan, took_s)
            self._asked_s = None

    def stop(self) -> None:
        """Stop the draft. Nothing more is posted."""
        if self._task is not None:
            self._task.cancel()

    async def _make(self, conditions: Conditions, before: Sequence[Plan]) -> None:
        assert self._drafter is not None
        assert self._asked_s is not None
        try:
            draft = await self._drafter.draft(self._request)
        except Exception:  # noqa: BLE001 -- whatever is wrong with the drafter, the task goes on without a draft
            _log.exception("no draft for a task of kind '%s'", self._request.task.kind)
            draft = None
        right, self.expected = self.expected.right if self.expected is not None else 0.0, None
        if draft is None:
            return
        self._draft, self._took_s = draft, self._clock.now_s - self._asked_s
        if not self._contradicts(draft):
            self._post_draft(draft, right, conditions, before)

    def _post_draft(self, draft: Plan, right: float, conditions: Conditions, before: Sequence[Plan]) -> None:
        steps = tuple(planned.model_copy(update={"probability": right}) for planned in draft.steps)
        plan = draft.model_copy(update={"steps": steps})
        unlikely = contradicted_works(before, plan, right)
        self.has_arrived = True
        self._post(
            e.SpeculativePlanReady(
                at_s=0, plan=plan, epoch=self._request.epoch, unlikely=tuple(sorted(unlikely)), conditions=conditions
            )
        )

    def _contradicts(self, draft: Plan) -> bool:
        """Whether the optimal plan has begun with work that the draft does not hold."""
        works = {planned.work_key for planned in draft.steps}
        return self._prefix is not None and any(planned.work_key not in works for planned in self._prefix.steps)
