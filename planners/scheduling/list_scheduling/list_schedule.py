"""List schedules: a plan in milliseconds, for the speculative planner, for very large workflows, and as baseline."""

from planners.costs import CostModel
from planners.model import StepId
from planners.plans import Plan, PlanKind, PlannedStep
from planners.requests import PlanRequest
from planners.scheduling.list_scheduling.conversion import plan_of
from planners.scheduling.list_scheduling.cpop import cpop
from planners.scheduling.list_scheduling.greedy import greedy
from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.list_scheduling.iterated_heft import refined
from planners.scheduling.list_scheduling.partial_schedule import Schedule, affordable
from planners.scheduling.list_scheduling.tie_breaking import polished
from planners.scheduling.problem.build import problem_of
from planners.scheduling.problem.feasibility import within
from planners.scheduling.problem.problem import Problem
from planners.workflow import FlatWorkflow

BASELINES = {"heft": heft, "cpop": cpop, "greedy": greedy}


def list_schedule(flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Plan:
    """A good plan in milliseconds. Keeps to capacities, limits, quality and budget; a deadline it only hopes to meet.

    Raises:
        Infeasible: it is certain that no plan can be made.
    """
    problem = problem_of(flat, request, costs)
    return plan_of(problem, quick(problem), request, PlanKind.SPECULATIVE, "list")


def best_list_schedule(flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Plan:
    """The best of the textbook list schedules HEFT, CPOP and greedy: the baseline.

    Raises:
        Infeasible: it is certain that no plan can be made.
    """
    problem = problem_of(flat, request, costs)
    name, schedule = best_baseline(problem)
    return plan_of(problem, schedule, request, PlanKind.SPECULATIVE, name)


def thrifty(plan: Plan, flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Plan:
    """Of a plan whose rest is not known yet, the steps that spend no more of a budget than they must.

    What a dearer agent costs may be what the rest needs. Without a budget, the plan as it is.

    Raises:
        Infeasible: it is certain that no plan can be made.
    """
    if request.task.limits.budget_usd is None:
        return plan
    problem = problem_of(flat, request, costs)
    least = dict(zip((step.id for step in problem.steps), problem.min_usd, strict=True))
    kept: dict[StepId, PlannedStep] = {}
    for planned in plan.steps:
        needed = (parent for parent in planned.step.parents if parent in plan.by_id)
        if within(planned.placement.usd, least[planned.id]) and all(parent in kept for parent in needed):
            kept[planned.id] = planned
    return plan.model_copy(update={"steps": tuple(kept.values())})


def quick(problem: Problem) -> Schedule:
    """The schedule under `list_schedule`."""
    return polished(problem, refined(problem))


def best_baseline(problem: Problem) -> tuple[str, Schedule]:
    """The best textbook schedule and its name; those that keep to the limits come first."""
    made = {name: scheduler(problem) for name, scheduler in BASELINES.items()}
    best = min(made, key=lambda name: (not affordable(problem, made[name]), made[name].value))
    return best, made[best]
