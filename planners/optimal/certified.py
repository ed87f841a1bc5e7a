"""Optimal plans without a search: a list schedule that meets a lower bound is optimal, and no solver can do better.

Chains, fans with room for all their steps or in whole rounds, and whatever else waits for nothing but its own parents
are such workflows.
The answer is certified or nothing, so whoever asks needs no solver and waits for none: about 0.1 ms a step.
"""

import time
from collections.abc import Callable

from planners.agents import Catalog
from planners.costs import CostModel
from planners.errors import ForerunError
from planners.expansion import flatten
from planners.optimal.known_schedules import Certified, KnownSchedules
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest
from planners.scheduling.list_scheduling.conversion import to_plan
from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.list_scheduling.schedule import satisfies_limits
from planners.scheduling.list_scheduling.tie_breaking import break_ties
from planners.scheduling.problem.build import build_problem
from planners.scheduling.problem.lower_bound import lower_bound
from planners.tasks import Mode
from planners.validation.structure import locate
from planners.workflow import FlatWorkflow, Goal, Step, Workflow

_MODES = frozenset({Mode.FORERUN, Mode.STREAMED, Mode.WAIT})
# Workflows of so many steps are planned in about 2 ms.
_FEW = 20
# Workflows of agents that start at once are certified at any size, so no attempt is in vain: 0.5 s for 5,000 steps.
_MOST_WITHOUT_LIMITS = 50_000
# Rounding of the objective; the solver calls a plan with this gap optimal too.
_TOLERANCE = 1e-9


class CertifiedPlans:
    """Plans declared workflows whose list schedule is provably optimal."""

    def __init__(
        self,
        costs: Callable[[], CostModel],
        *,
        most_steps: int = 1_000,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Set up.

        Args:
            costs: called for each plan.
            most_steps: larger workflows are not tried, except those whose agents all start at once; 0: none is.
            clock: seconds, to measure how long a plan takes.
        """
        self._costs = costs
        self._most_steps = most_steps
        self._clock = clock
        self._known = KnownSchedules()

    def is_quick(self, request: PlanRequest) -> bool:
        """Whether `plan` takes a few milliseconds at most: the workflow is small and is not unrolled."""
        workflow = request.task.plannable
        if workflow is None:
            return True
        return len(workflow.steps) <= _FEW and all(isinstance(node, Step) for node in workflow.steps)

    def plan(self, request: PlanRequest) -> Plan | None:
        """The optimal plan; None if a search is needed to find it or to prove it, or if there is none.

        Plans that have to fit running attempts are not tried: moving these has a cost that the bound ignores.
        """
        began_s, costs = self._clock(), self._costs()
        flat = self._flat(request)
        if flat is None:
            return None
        key = self._known.key(flat, request, costs)
        certified = self._known.find(key, flat, request, costs)
        if certified is None:
            certified = _scheduled(flat, request, costs)
            if certified is None:
                return None
            self._known.keep(key, certified, request, costs)
        problem, schedule, bound = certified
        plan = to_plan(problem, schedule, request, PlanKind.OPTIMAL, "certified")
        proof = {"bound": min(bound, schedule.value), "gap": 0.0, "planning_s": max(0.0, self._clock() - began_s)}
        return plan.model_copy(update=proof)

    def _flat(self, request: PlanRequest) -> FlatWorkflow | None:
        workflow = request.task.plannable
        if workflow is None or request.task.planning.mode not in _MODES:
            return None
        if not all(flight.finished for flight in request.in_flight):
            return None
        most = self._most_steps
        if most and _start_at_once(workflow, request.catalog):
            most = max(most, _MOST_WITHOUT_LIMITS)
        if len(workflow.steps) > most or _has_goals(workflow, request):
            return None
        try:
            flat = flatten(workflow, request.task.values, request.known, request.facts, most=most + 1)
        except ForerunError:
            return None
        return flat if 0 < len(flat.steps) <= most else None


def _scheduled(flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Certified | None:
    try:
        problem = build_problem(flat, request, costs)
        schedule = heft(problem)
    except ForerunError:
        return None  # the optimal planner is asked next, and says what is wrong
    bound = lower_bound(problem)
    if not satisfies_limits(problem, schedule) or schedule.value > bound * (1 + _TOLERANCE):
        return None
    return Certified(problem, break_ties(problem, schedule), bound)


def _has_goals(workflow: Workflow, request: PlanRequest) -> bool:
    """Whether something has to be decomposed first."""
    proposed = any(proposal.has_goals for proposal in request.facts.proposals.values())
    return proposed or any(isinstance(node, Goal) for node in workflow.walk())


def _start_at_once(workflow: Workflow, catalog: Catalog) -> bool:
    """Whether no step has to wait for room or a limit, whichever agent does it."""
    steps = [place.node for place in locate(workflow.steps) if isinstance(place.node, Step)]
    capabilities = {step.capability for step in steps}
    return all(agent.starts_at_once for agent in catalog.agents if agent.capability in capabilities)
