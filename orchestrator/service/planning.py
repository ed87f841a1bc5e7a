"""The planners where the service runs them: the guess on the shard's thread, the authority in an actor of its own."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import ray
from ray.exceptions import RayActorError, RayTaskError

from orchestrator.errors import Unavailable
from orchestrator.service.advice import LearnedAdvice
from orchestrator.service.cancellable_thread import PlansUnderWay
from orchestrator.settings import Settings
from planners.agents import Catalog
from planners.costs import CostModel, PriorCosts
from planners.errors import ForerunError
from planners.optimal.decompose.config import LLMConfig
from planners.optimal.planner import OptimalPlannerPipeline, OptimalSettings
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.speculative.planner import SpeculativePlannerPipeline
from planners.tasks import Task

if TYPE_CHECKING:
    from planners.optimal.decompose.llm import LLMDecomposer

_log = logging.getLogger(__name__)
# Pauses before a planner that was lost is asked again. One that starts imports for 10 to 20 s on a busy machine.
_BACK_WITHIN_S = (1.0, 3.0, 6.0, 12.0)
# Plans under way at once in one planner actor; each is a coroutine that mostly waits (for an LLM, for a solver thread).
_MOST_PLANS = 10_000


class PlannerActor:
    """Hosts the optimal planner, so that no solver ever holds up a shard's event loop."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._catalog = catalog
        self._costs: CostModel = PriorCosts()
        self._under_way = PlansUnderWay()
        self._decomposer = decomposer(settings)
        self._pipeline = OptimalPlannerPipeline(
            lambda: self._costs,
            self._decomposer,
            settings=OptimalSettings(
                workers=settings.planning.workers,
                solves_at_once=settings.planning.solves_at_once,
                time_limit_s=settings.planning.time_limit_s,
            ),
        )

    async def plan(self, request: PlanRequest, ticket: str) -> AsyncGenerator[Plan, None]:
        """The optimal plan as it streams in, until `stop` with the same ticket; the catalog is this actor's own."""
        asked = request.model_copy(update={"catalog": self._catalog})
        async for plan in self._under_way.follow(ticket, self._pipeline.plan(asked)):
            yield plan

    async def stop(self, ticket: str) -> None:
        """Nobody wants this plan any more: hang up on the LLM, end the solve."""
        self._under_way.stop(ticket)

    async def under_way(self) -> int:
        """How many plans are being made."""
        return len(self._under_way)

    async def close(self) -> None:
        """Stop all, let go of threads and connections."""
        self._under_way.stop_all()
        self._pipeline.close()
        if self._decomposer is not None:
            await self._decomposer.close()

    async def learn(self, costs: CostModel) -> None:
        """From now on plan with these costs."""
        self._costs = costs


def create_planner(settings: Settings, catalog: Any, name: str) -> Any:
    """Start a planner actor; the handle. ``catalog`` is a Catalog or a reference to one."""
    options = ray.remote(PlannerActor).options(name=name, num_cpus=0, max_concurrency=_MOST_PLANS, max_restarts=-1)
    return options.remote(settings, catalog)


def decomposer(settings: Settings) -> "LLMDecomposer | None":
    """The LLM that the settings name; None where they name none."""
    llm = settings.llm
    if llm.base_url is None or llm.model is None:
        return None
    config = LLMConfig.model_validate(llm.model_dump())
    # Here and not above: the client is an extra, and importing it takes seconds.
    from planners.optimal.decompose.llm import LLMDecomposer  # noqa: PLC0415

    return LLMDecomposer(config)


class RemotePlanning:
    """Fulfils `reconciler.runtime.ports.Planning`."""

    def __init__(self, speculative: SpeculativePlannerPipeline, planner: Any, advice: LearnedAdvice) -> None:
        self._speculative = speculative
        self._planner = planner
        self._advice = advice

    def guesses(self, request: PlanRequest) -> Iterator[Plan]:
        """The speculative plan and its alternatives, on this thread."""
        return self._speculative.guesses(request)

    def remember(self, task: Task, plan: Plan) -> None:
        """Let later guesses profit from a plan of authority."""
        self._speculative.memory.remember(task, plan)
        self._advice.learn_plan(task, plan)

    async def plan(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        """The optimal plan from the planner actor, asked again where that is lost: Ray starts it anew.

        Raises:
            PlanningError: there will be no plan.
            Unavailable: the planner actor is gone and does not come back.
        """
        told = 0
        for pause_s in (*_BACK_WITHIN_S, None):
            try:
                async with aclosing(self._asked(request)) as plans:
                    async for plan in plans:
                        # What is confirmed stays so: of a plan made anew, only what goes beyond what was told is news.
                        if plan.complete or len(plan.steps) > told:
                            told = len(plan.steps)
                            yield plan
            except RayActorError as error:
                if pause_s is None:
                    raise Unavailable("the planner actor was lost", "", "try again") from error
                _log.warning("the planner was lost; asking again in %g s: %s", pause_s, error)
                await asyncio.sleep(pause_s)
            else:
                return

    async def _asked(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        """Ask once. The catalog does not travel: the actor has it."""
        ticket = uuid4().hex
        plans = self._planner.plan.options(num_returns="streaming").remote(
            request.model_copy(update={"catalog": Catalog()}), ticket
        )
        try:
            async for reference in plans:
                yield await reference
        except RayTaskError as error:
            cause = error.cause
            raise (cause if isinstance(cause, ForerunError) else Unavailable(f"the planner failed: {cause}")) from error
        finally:
            # Not ray.cancel: of a coroutine it misses some (ray #52628), and no solver's thread hears of it.
            self._planner.stop.remote(ticket)
