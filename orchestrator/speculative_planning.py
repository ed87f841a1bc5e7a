"""The speculative half of planning, which runs in the process of the runs wherever optimal plans are made."""

from collections.abc import Iterator, Sequence

from planners.plans import Plan
from planners.requests import Continuation, PlanRequest
from planners.speculative.plan_advice import PlanAdvice
from planners.speculative.planner import SpeculativePlannerPipeline
from planners.speculative.route_chances import RouteChances
from planners.tasks import Task


class SpeculativePlanning:
    """What `reconciler.runtime.ports.Planning` asks of the speculative planner."""

    def __init__(self, speculative: SpeculativePlannerPipeline) -> None:
        """Set up."""
        self._speculative = speculative

    def guesses(self, request: PlanRequest) -> Iterator[Plan]:
        """The speculative plan and its alternatives, made in this thread."""
        return self._speculative.guesses(request)

    def continuation(self, request: PlanRequest, prefix: Plan, before: Sequence[Plan]) -> Continuation | None:
        """See `reconciler.runtime.ports.Planning`."""
        return self._speculative.continuation(request, prefix, before)

    def ahead(self, request: PlanRequest, plan: Plan) -> Plan | None:
        """See `reconciler.runtime.ports.Planning`."""
        return self._speculative.ahead(request, plan)

    def chances(self, task: Task, plan: Plan) -> tuple[RouteChances, ...]:
        """See `reconciler.runtime.ports.Planning`."""
        return self._speculative.chances(task, plan)

    def advice(self, request: PlanRequest, plan: Plan) -> PlanAdvice:
        """See `reconciler.runtime.ports.Planning`."""
        return self._speculative.advice(request, plan)

    def remember(self, task: Task, plan: Plan) -> None:
        """Store an optimal plan for later speculative plans."""
        self._speculative.cache.remember(task, plan)

    def prepare(self) -> None:
        """Do what the next guess would otherwise begin with."""
        self._speculative.cache.prepare()
