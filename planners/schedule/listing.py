"""List schedules: a plan in milliseconds, for the speculative planner, for very large workflows, and as baseline."""

from planners.costs import CostModel
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest
from planners.schedule.build import problem_of
from planners.schedule.cpop import cpop
from planners.schedule.forms import plan_of
from planners.schedule.greedy import greedy
from planners.schedule.heft import heft
from planners.schedule.placing import Schedule, affordable
from planners.schedule.polish import polished
from planners.schedule.problem import Problem
from planners.schedule.refining import refined
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


def quick(problem: Problem) -> Schedule:
    """The schedule under `list_schedule`."""
    return polished(problem, refined(problem))


def best_baseline(problem: Problem) -> tuple[str, Schedule]:
    """The best textbook schedule and its name; those that keep to the limits come first."""
    made = {name: scheduler(problem) for name, scheduler in BASELINES.items()}
    best = min(made, key=lambda name: (not affordable(problem, made[name]), made[name].value))
    return best, made[best]
