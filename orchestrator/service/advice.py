"""What the learner says, as a shard sees it: the latest snapshot in memory, outcomes handed over in batches."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from ray.exceptions import RayError

from learner.models.costs import LearnedCosts
from learner.models.plans import plan_example
from learner.predictor import PlanExample, TrainedPlanPredictor
from learner.snapshot import Snapshot
from orchestrator.settings import Settings
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.speculative.predictor import GuessedPlan
from planners.tasks import Task
from reconciler.gate import GatePolicy, Prices
from reconciler.state.conditions import Conditions
from reconciler.state.outcomes import Outcome

_log = logging.getLogger(__name__)

# When the optimal plan is expected as long as nothing was learned: an LLM takes seconds, a solver a fraction of one.
PRIOR_GOAL_PLAN_S = 5.0
PRIOR_DECLARED_PLAN_S = 0.2
# Reservations this far ahead make a node or a provider dear.
_HORIZON_S = 10.0
# Outcomes kept for a learner that does not answer; the journal has them all.
_MOST_KEPT = 100_000


class LearnedAdvice:
    """Fulfils `reconciler.runtime.ports.Advice` and `OutcomeSink`. `start` begins the exchange with the learner actor.

    ``restore`` tells a learner that has lost its memory what the journal holds.
    """

    def __init__(
        self, settings: Settings, learner: Any | None, planner: Any | None, restore: Callable[[Any], Awaitable[None]]
    ) -> None:
        self._settings = settings
        self._share = 1 / settings.reconciler.shards
        self._restore = restore
        self._planner = planner
        self._learner = learner
        self._snapshot = Snapshot()
        self._outcomes: list[Outcome] = []
        self._examples: list[PlanExample] = []
        self._predictor: TrainedPlanPredictor | None = None
        self._predictor_number = -1
        self._exchanging: asyncio.Task[None] | None = None

    def costs(self) -> LearnedCosts:
        """The cost model as learned so far."""
        return self._snapshot.costs

    def predict(self, request_text: str, k: int) -> list[GuessedPlan]:
        """Fulfils `planners.speculative.predictor.PlanPredictor`; nothing before there is a trained predictor."""
        return [] if self._predictor is None else self._predictor.predict(request_text, k)

    def learn_plan(self, task: Task, plan: Plan) -> None:
        """Keep what plan a goal got for the next exchange."""
        if task.goal is not None and len(self._examples) < _MOST_KEPT:
            self._examples.append(plan_example(task.goal, plan))

    def conditions(self, request: PlanRequest, guess: Plan) -> Conditions:
        """For the gate: guidance of this kind of task, the operator's bounds, prices of what is contended."""
        task, gate = request.task, self._settings.gate
        return Conditions(
            guidance=self._snapshot.guidance_for(task.kind),
            chances=self._snapshot.chances(guess, task.kind),
            policy=GatePolicy(max_attempts=gate.max_unconfirmed, max_usd=gate.budget_usd),
            prices=Prices.of(request.cluster, request.catalog, horizon_s=_HORIZON_S, share=self._share),
            prior_plan_s=request.elapsed_s + (PRIOR_DECLARED_PLAN_S if task.goal is None else PRIOR_GOAL_PLAN_S),
        )

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Keep outcomes for the next exchange."""
        if len(self._outcomes) < _MOST_KEPT:
            self._outcomes.extend(outcomes)

    async def status(self) -> dict[str, Any]:
        """What the learner says of itself, for people."""
        if self._learner is None:
            return {"enabled": False}
        status = await self._learner.status.remote()
        return {"enabled": True, **status.model_dump(mode="json")}

    def start(self) -> None:
        """Begin exchanging outcomes for snapshots, every ``learner.refresh_s``."""
        if self._learner is not None:
            self._exchanging = asyncio.get_running_loop().create_task(self._exchange())

    async def stop(self) -> None:
        """Hand over what is left and stop."""
        if self._exchanging is not None:
            self._exchanging.cancel()
            with suppress(asyncio.CancelledError):
                await self._exchanging
            await self._once()

    async def _exchange(self) -> None:
        while True:
            await self._once()
            await asyncio.sleep(self._settings.learner.refresh_s)

    async def _once(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        examples, self._examples = self._examples, []
        assert self._learner is not None
        try:
            if outcomes and not await self._learner.record.remote(outcomes):
                await self._restore(self._learner)
            if examples:
                await self._learner.record_plans.remote(examples)
            self._take(await self._learner.snapshot.remote(self._snapshot.number))
            predictor = await self._learner.predictor.remote(self._predictor_number)
        except RayError as error:
            # Guessing goes on with what is known; the learner restores what it missed from the journal.
            _log.warning("the learner gave no advice; going on with snapshot %d: %s", self._snapshot.number, error)
            return
        if predictor is not None:
            self._predictor_number, self._predictor = predictor

    def _take(self, newer: Snapshot | None) -> None:
        if newer is not None:
            self._snapshot = newer
            if self._planner is not None:
                self._planner.learn.remote(newer.costs)
