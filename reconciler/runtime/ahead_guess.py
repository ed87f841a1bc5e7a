"""Guesses at what follows a plan whose routes cannot be decided yet."""

import asyncio
import logging
from collections.abc import Callable

from planners.plans import Plan
from planners.requests import PlanRequest
from planners.tasks import Mode
from reconciler.runtime.shard_resources import ShardResources
from reconciler.state import events as e

_log = logging.getLogger(__name__)


class AheadGuess:
    """The guesses ahead of one run: one after each plan that has pending nodes, in the shard's planning thread."""

    def __init__(self, shared: ShardResources, post: Callable[[e.Event], None]) -> None:
        """``post`` receives the guesses."""
        self._ports = shared.ports
        self._thread = shared.planning_thread
        self._post = post
        self._has_posted = False

    async def guess(self, request: PlanRequest, plan: Plan) -> None:
        """Guess at what follows a complete plan. Does nothing where no node is pending, and outside mode forerun."""
        if not plan.pending or request.task.planning.mode is not Mode.FORERUN:
            return
        loop = asyncio.get_running_loop()
        event = await loop.run_in_executor(self._thread, self._guessed, request, plan)
        if event is not None:
            self._has_posted = True
            self._post(event)

    def _guessed(self, request: PlanRequest, plan: Plan) -> e.SpeculativePlanReady | None:
        try:
            found = self._ports.planning.ahead(request, plan)
            if found is None and self._has_posted:
                found = plan  # nothing is likely any more: what an earlier guess has begun is given up
            if found is None:
                return None
            conditions = self._ports.advice.conditions(request, found)
        except Exception:  # noqa: BLE001 -- whatever is wrong with planner or models, the task goes on with its plan
            _log.exception("no guess at what follows the plan of a task of kind '%s'", request.task.kind)
            return None
        # Not the optimal plan is waited for, but the outputs that the pending nodes need.
        guidance = conditions.guidance.model_copy(update={"plan_p50_s": None, "plan_p90_s": None})
        decided_s = request.elapsed_s + _decided_s(plan)
        return e.SpeculativePlanReady(
            at_s=0,
            plan=found,
            epoch=request.epoch,
            ahead=True,
            conditions=conditions.model_copy(update={"guidance": guidance, "prior_plan_s": decided_s}),
        )


def _decided_s(plan: Plan) -> float:
    """When the last of the awaited outputs is expected, seconds from the start of the plan."""
    awaited = {step for node in plan.pending for step in node.awaited}
    return max((plan.by_id[step].placement.end_s for step in awaited if step in plan.by_id), default=plan.makespan_s)
