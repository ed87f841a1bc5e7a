"""List schedules: plans in milliseconds, for the speculative planner, for very large workflows, and as a baseline."""

from planners.costs import CostModel
from planners.model import StepId
from planners.plans import Plan, PlanKind, PlannedStep
from planners.requests import PlanRequest
from planners.scheduling.garbage import no_collection
from planners.scheduling.list_scheduling.cheapest_modes import cheapest_schedule
from planners.scheduling.list_scheduling.conversion import to_plan
from planners.scheduling.list_scheduling.cpop import cpop
from planners.scheduling.list_scheduling.greedy import greedy
from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.list_scheduling.iterated_heft import iterated_heft
from planners.scheduling.list_scheduling.schedule import Schedule, satisfies_limits
from planners.scheduling.list_scheduling.tie_breaking import break_ties
from planners.scheduling.problem.build import build_problem
from planners.scheduling.problem.feasibility import within_budget
from planners.scheduling.problem.problem import Problem
from planners.workflow import FlatWorkflow

BASELINES = {"heft": heft, "cpop": cpop, "greedy": greedy}


def list_schedule(flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Plan:
    """A good plan in milliseconds. It keeps to capacities, limits, quality and budget, but may miss the deadline.

    Raises:
        Infeasible: certainly no plan exists.
    """
    with no_collection():
        problem = build_problem(flat, request, costs)
        return to_plan(problem, fast_schedule(problem), request, PlanKind.SPECULATIVE, "list")


def best_list_schedule(flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Plan:
    """The best of the textbook list schedules HEFT, CPOP and greedy: the baseline.

    Raises:
        Infeasible: certainly no plan exists.
    """
    problem = build_problem(flat, request, costs)
    name, schedule = best_baseline(problem)
    return to_plan(problem, schedule, request, PlanKind.SPECULATIVE, name)


def cheapest_steps(plan: Plan, flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Plan:
    """The part of a plan prefix that uses the cheapest modes; all of it if the task has no budget.

    While later steps are unknown, the extra cost of a dearer agent may be what they need.

    Raises:
        Infeasible: certainly no plan exists.
    """
    if request.task.limits.budget_usd is None:
        return plan
    problem = build_problem(flat, request, costs)
    least = dict(zip((step.id for step in problem.steps), problem.min_usd, strict=True))
    kept: dict[StepId, PlannedStep] = {}
    for planned in plan.steps:
        parents = (parent for parent in planned.step.parents if parent in plan.by_id)
        if within_budget(planned.placement.usd, least[planned.id]) and all(parent in kept for parent in parents):
            kept[planned.id] = planned
    return plan.model_copy(update={"steps": tuple(kept.values())})


def fast_schedule(problem: Problem) -> Schedule:
    """The schedule behind `list_schedule`: iterated HEFT, then tie breaking.

    If it exceeds a budget that needs attempts in flight, the cheapest schedule.
    """
    schedule = iterated_heft(problem)
    if problem.needs_in_flight and not within_budget(schedule.usd, problem.budget_usd):
        cheapest = cheapest_schedule(problem)
        schedule = cheapest if cheapest is not None and cheapest.usd < schedule.usd else schedule
    return break_ties(problem, schedule)


def best_baseline(problem: Problem) -> tuple[str, Schedule]:
    """The name and schedule of the best baseline; schedules that satisfy the limits come first."""
    schedules = {name: scheduler(problem) for name, scheduler in BASELINES.items()}
    best = min(schedules, key=lambda name: (not satisfies_limits(problem, schedules[name]), schedules[name].value))
    return best, schedules[best]
