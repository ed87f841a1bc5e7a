"""The learner as a shard uses it: its latest snapshot in memory, and outcomes sent to it in batches."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from ray.exceptions import RayTaskError

from learner.models.learned_costs import LearnedCosts
from learner.models.plan_examples import plan_example, tool_texts
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from learner.snapshot import LearnerSnapshot
from orchestrator.errors import Unavailable
from orchestrator.prior_conditions import contention, prior_conditions
from orchestrator.service.late_times import late_times
from orchestrator.service.takeovers import takeovers
from orchestrator.settings import Settings
from planners.agents import Catalog
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.speculative.predictor import ConfirmedSteps, GuessedPlan
from planners.tasks import Task
from reconciler.state.conditions import Conditions
from reconciler.state.learned_times import LearnedTimes
from reconciler.state.outcomes import Outcome

_log = logging.getLogger(__name__)

# Outcomes buffered while the learner does not answer; the journal holds all of them.
_MAX_BUFFERED = 100_000


class LearnedAdvice:
    """Fulfils `reconciler.runtime.ports.Advice` and `OutcomeSink`. `start` begins the exchange with the learner actor.

    ``restore`` sends the journal's outcomes to a learner that was restarted and has lost its memory.
    """

    def __init__(
        self, settings: Settings, learner: Any | None, planner: Any | None, restore: Callable[[Any], Awaitable[None]]
    ) -> None:
        self._settings = settings
        self._share = 1 / settings.reconciler.shards
        self._restore = restore
        self._planner = planner
        self._learner = learner
        self._snapshot = LearnerSnapshot()
        self._outcomes: list[Outcome] = []
        self._examples: list[PlanExample] = []
        self._predictor: TrainedPlanPredictor | None = None
        self._predictor_number = -1
        self._tools: list[ToolText] = []
        self._tools_are_known = True
        self._exchange_task: asyncio.Task[None] | None = None

    def costs(self) -> LearnedCosts:
        """The latest learned cost model."""
        return self._snapshot.costs

    def predict(self, request_text: str, k: int, kind: str = "") -> list[GuessedPlan]:
        """Fulfils `planners.speculative.predictor.PlanPredictor`. Empty until a predictor is trained."""
        return [] if self._predictor is None else self._predictor.predict(request_text, k, kind)

    def continuations(self, request_text: str, confirmed: ConfirmedSteps, k: int, kind: str = "") -> list[GuessedPlan]:
        """Fulfils `planners.speculative.predictor.PlanPredictor`. Empty until a predictor is trained."""
        return [] if self._predictor is None else self._predictor.continuations(request_text, confirmed, k, kind)

    def learn_plan(self, task: Task, plan: Plan) -> None:
        """Buffer the plan of a goal for the next exchange."""
        if task.goal is not None and len(self._examples) < _MAX_BUFFERED:
            self._examples.append(plan_example(task.goal, plan, task.kind))

    def conditions(self, request: PlanRequest, guess: Plan) -> Conditions:
        """Inputs of the gate: guidance for this kind of task, the operator's bounds, prices of contended resources."""
        kind = request.task.kind
        learned = {"guidance": self._snapshot.guidance_for(kind), "chances": self._snapshot.chances(guess, kind)}
        return prior_conditions(request, self._settings.gate, self._share).model_copy(update=learned)

    def times(self, request: PlanRequest, plan: Plan) -> LearnedTimes | None:
        """See `late_times` and `takeovers`; with the contention of the cluster. None if there is nothing to tell."""
        costs = self._snapshot.costs
        times, found = late_times(costs, request, plan), takeovers(costs, request, plan)
        contended = contention(request, self._settings.gate, self._share)
        if not found and not contended:
            return times
        return (times or LearnedTimes()).model_copy(update={"takeovers": found, "contention": contended})

    def reload(self, catalog: Catalog) -> None:
        """Tell the learner with the next exchange what the tools of the catalog are."""
        self._tools, self._tools_are_known = tool_texts(catalog), False

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Buffer outcomes for the next exchange."""
        if len(self._outcomes) < _MAX_BUFFERED:
            self._outcomes.extend(outcomes)

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Ignore outcomes that are excluded from learning."""

    async def status(self) -> dict[str, Any]:
        """The learner's status."""
        if self._learner is None:
            return {"enabled": False}
        status = await self._learner.status.remote()
        return {"enabled": True, **status.model_dump(mode="json")}

    def start(self) -> None:
        """Exchange outcomes for snapshots every ``learner.refresh_s`` seconds from now on."""
        if self._learner is not None:
            self._exchange_task = asyncio.get_running_loop().create_task(self._exchange())

    async def stop(self) -> None:
        """Send what is buffered and stop."""
        if self._exchange_task is not None:
            self._exchange_task.cancel()
            with suppress(asyncio.CancelledError):
                await self._exchange_task
            if self._outcomes or self._examples:  # else it would only wait for a learner that has just been created
                await self._exchange_once()

    async def _exchange(self) -> None:
        while True:
            await self._exchange_once()
            await asyncio.sleep(self._settings.learner.refresh_s)

    async def _exchange_once(self) -> None:
        assert self._learner is not None
        try:
            await self._send(self._learner)
            self._take(await self._learner.snapshot.remote(self._snapshot.number))
            predictor = await self._learner.predictor.remote(self._predictor_number)
        except Unavailable:  # it starts once the service is ready, and would send this predictor before it is trained
            if self._predictor is None:
                self._predictor = await asyncio.to_thread(TrainedPlanPredictor.cold, self._tools)
            return
        except Exception as error:  # noqa: BLE001 a boundary: an actor or a journal that is away must not end the exchange
            if isinstance(error, RayTaskError):  # the learner failed on them: sending them again would not help
                self._outcomes, self._examples = [], []
            # Speculation continues with the last snapshot.
            _log.warning("the learner does not answer; continuing with snapshot %d: %s", self._snapshot.number, error)
            return
        if predictor is not None:
            self._predictor_number, self._predictor = predictor

    async def _send(self, learner: Any) -> None:
        """Send what is buffered. It stays buffered until it has arrived; the learner ignores what it gets twice.

        Without outcomes the call still shows whether the learner was restarted and needs the journal's.
        """
        outcomes, examples = list(self._outcomes), list(self._examples)
        if not await learner.record.remote(outcomes):
            self._tools_are_known = not self._tools
            await self._restore(learner)
            del self._examples[: len(examples)]  # the journal holds these plans as well
        elif examples:
            del self._examples[: len(examples)]  # plans have no identity, so they are sent at most once
            await learner.record_plans.remote(examples)
        del self._outcomes[: len(outcomes)]
        if not self._tools_are_known:
            tools = self._tools
            await learner.know_tools.remote(tools)
            self._tools_are_known = tools is self._tools

    def _take(self, newer: LearnerSnapshot | None) -> None:
        if newer is not None:
            self._snapshot = newer
            if self._planner is not None:
                self._planner.learn.remote(newer.costs)
