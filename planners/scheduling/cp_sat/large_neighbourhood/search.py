"""Improve schedules of workflows too large to solve whole: varied list schedules first, then repaired parts.

Large neighbourhood search (Shaw 1998, doi:10.1007/3-540-49481-2_30) repeatedly destroys a part of the schedule (steps
around one time, or connected steps) and repairs it with CP-SAT while the rest stays. The result is replayed as a whole
and kept if it is better. The budget is counted in deterministic work, so equal requests have equal results.
"""

from random import Random

from ortools.sat.python import cp_model

from planners.scheduling.cp_sat.incumbent import Incumbent
from planners.scheduling.cp_sat.integer_objective import IntegerObjective
from planners.scheduling.cp_sat.large_neighbourhood.neighbourhoods import destroy, repair
from planners.scheduling.cp_sat.large_neighbourhood.subproblem import Subproblem
from planners.scheduling.cp_sat.search_budget import SECONDS_PER_UNIT, SearchBudget
from planners.scheduling.list_scheduling.iterated_heft import randomized_heft
from planners.scheduling.list_scheduling.partial_schedule import Schedule

# Steps destroyed at once: with more, CP-SAT finds less in the time.
_DESTROYED = 30
# Deterministic time and conflicts of one repair.
_REPAIR_UNITS, _REPAIR_CONFLICTS = 0.01, 150
# The share of the time limit to spend, and the share of that for varied list schedules; the rest of planning takes time
# too.
_SPENT, _VARIED = 0.7, 0.25
# Conservative seconds on an idle core: a step of a list schedule, a step of a replay, a subproblem's model, a conflict.
_LISTED_S, _REPLAYED_S, _MODEL_S, _CONFLICT_S = 1.0e-4, 1e-4, 0.15, 2e-3
# What list scheduling takes a step before the search starts.
_INITIAL_S = 6e-4


def improve(incumbent: Incumbent, objective: IntegerObjective, budget: SearchBudget, seed: int) -> None:
    """Improve the incumbent until the budget is spent or the incumbent is proven optimal."""
    known = incumbent.best or incumbent.fallback
    if known is None:
        return
    count = len(incumbent.problem.steps)
    left_s = max(0.0, _SPENT * budget.time_limit_s - _INITIAL_S * count)
    rounds = int(_VARIED * left_s / (_LISTED_S * count))
    for schedule in randomized_heft(incumbent.problem, known, rounds, seed):
        incumbent.consider(schedule, report=True)
        if budget.exhausted or incumbent.proven_optimal:
            return
    left_s -= rounds * _LISTED_S * count
    rng = Random(seed)
    while left_s > 0 and incumbent.best is not None and not budget.exhausted and not incumbent.proven_optimal:
        left_s -= _destroy_and_repair(incumbent, incumbent.best, objective, budget, rng)


def _destroy_and_repair(
    incumbent: Incumbent, known: Schedule, objective: IntegerObjective, budget: SearchBudget, rng: Random
) -> float:
    """One iteration; returns its deterministic work in seconds."""
    problem = incumbent.problem
    destroyed = destroy(problem, known, rng, _DESTROYED)
    if not destroyed:
        return float("inf")
    subproblem = Subproblem(problem, known, destroyed, objective)
    solver = budget.new_solver(_REPAIR_UNITS, conflicts=_REPAIR_CONFLICTS)
    status = budget.solve(solver, subproblem.cp)
    if status == cp_model.UNKNOWN and budget.exhausted:
        return float("inf")  # it may have ended before the solver was asked
    spent_s = _MODEL_S + _REPLAYED_S * len(problem.steps) + SECONDS_PER_UNIT * solver.deterministic_time
    spent_s += _CONFLICT_S * solver.num_conflicts
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        mode, start = subproblem.solution(solver)
        incumbent.consider(repair(problem, known, destroyed, mode, start), report=True)
    return spent_s
