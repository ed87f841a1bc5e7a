"""Drafts of plans by a small LLM: what they cost, how long they take, and how often they are right."""

from collections.abc import Awaitable, Callable

from learner.online.lru import LruDict
from orchestrator.settings import DraftSettings
from planners.guesses import DraftRecord
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.tasks import Task
from reconciler.gate import LaterGuess

_MOST_KINDS = 1_000


class Drafts:
    """Fulfils `reconciler.runtime.ports.Drafter`. What it learns is kept by kind of task, in memory."""

    def __init__(self, settings: DraftSettings, make: Callable[[PlanRequest], Awaitable[Plan | None]]) -> None:
        """``make`` asks the LLM."""
        self._settings = settings
        self._make = make
        self._records: LruDict[str, DraftRecord] = LruDict(_MOST_KINDS)

    @property
    def usd_per_call(self) -> float:
        """Dollars of one draft."""
        return self._settings.usd_per_plan

    def expected(self, task: Task) -> LaterGuess:
        """In how many seconds a draft is expected, and how often its steps are right."""
        record = self._record(task)
        return LaterGuess(at_s=record.seconds, right=record.right)

    async def draft(self, request: PlanRequest) -> Plan | None:
        """A guess at the whole plan of a goal; None if there is none."""
        return await self._make(request)

    def observe(self, task: Task, draft: Plan | None, plan: Plan, took_s: float) -> None:
        """The optimal plan of a task for which a draft was asked. None: after ``took_s`` there was none yet."""
        self._record(task).observe(draft, plan, took_s)

    def _record(self, task: Task) -> DraftRecord:
        return self._records.touch(task.kind, lambda: DraftRecord(self._settings.expected_s))
