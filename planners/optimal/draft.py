"""Drafts of plans: a goal decomposed by a small LLM and list-scheduled. A draft is a guess, never an optimal plan."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from planners.costs import CostModel
from planners.guesses import DRAFT
from planners.optimal.decompose.goals import Decomposer
from planners.optimal.planner import OptimalPlannerPipeline
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest
from planners.tasks import Mode


class DraftPlanner:
    """Drafts the plans of goals. Without a decomposer there are no drafts."""

    def __init__(self, costs: Callable[[], CostModel], decomposer: Decomposer | None) -> None:
        self._decomposer = decomposer
        self._pipeline = OptimalPlannerPipeline(costs, decomposer)

    async def plan(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        """At most one draft, which is complete.

        Raises:
            PlanningError: the LLM gave no plan, or none that the cluster can run.
        """
        if self._decomposer is None:
            return
        planning = request.task.planning.model_copy(update={"mode": Mode.LIST_SCHEDULE, "fallback": False})
        task = request.task.model_copy(update={"planning": planning})
        plans = self._pipeline.plan(request.model_copy(update={"task": task, "hint": None}))
        async with aclosing(plans):
            async for plan in plans:
                if plan.complete:
                    update = {"kind": PlanKind.SPECULATIVE, "origin": f"{DRAFT}+{plan.origin}"}
                    yield plan.model_copy(update=update)

    def close(self) -> None:
        """Stop all drafts."""
        self._pipeline.close()
