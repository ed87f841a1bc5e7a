"""Better schedules of workflows too large to be solved whole: list schedules varied, then parts planned anew.

Large neighbourhood search (Shaw 1998, doi:10.1007/3-540-49481-2_30): again and again the steps about one time, or some
that hang together, are freed and planned by CP-SAT while the rest stands; the outcome is replayed as a whole and kept
if it is better. What is spent is counted in deterministic work, so the same question has the same answer.
"""

from random import Random

from ortools.sat.python import cp_model

from planners.scheduling.cp_sat.incumbent import Incumbent
from planners.scheduling.cp_sat.integer_objective import IntegerObjective
from planners.scheduling.cp_sat.large_neighbourhood.neighbourhoods import freed, merged
from planners.scheduling.cp_sat.large_neighbourhood.subproblem import Subproblem
from planners.scheduling.cp_sat.search_budget import SECONDS, SearchBudget
from planners.scheduling.list_scheduling.iterated_heft import wandered
from planners.scheduling.list_scheduling.partial_schedule import Schedule

# Steps freed at once: of more, CP-SAT finds less in the time.
_FREED = 30
# Deterministic time for one part.
_PART, _CONFLICTS = 0.01, 150
# What is spent of the time limit in all, and of it on varied list schedules; the rest is for what else planning takes.
_SPENT, _VARIED = 0.6, 0.25
# Seconds of an idle core, cautiously: a step of a list schedule, of a part's model and replay, a part, a conflict.
_LISTED_S, _REPLAYED_S, _MODEL_S, _CONFLICT_S = 1.0e-4, 1e-4, 0.15, 2e-3
# What list scheduling takes a step before anything can be improved.
_BEGUN_S = 1.2e-3


def improve(incumbent: Incumbent, objective: IntegerObjective, effort: SearchBudget, seed: int) -> None:
    """Make the best schedule better until the effort is spent or it is proven optimal."""
    known = incumbent.best or incumbent.fallback
    if known is None:
        return
    count = len(incumbent.problem.steps)
    left_s = max(0.0, _SPENT * effort.time_limit_s - _BEGUN_S * count)
    rounds = int(_VARIED * left_s / (_LISTED_S * count))
    for found in wandered(incumbent.problem, known, rounds, seed):
        incumbent.consider(found, tell=True)
        if effort.over or incumbent.proven:
            return
    left_s -= rounds * _LISTED_S * count
    draw = Random(seed)
    while left_s > 0 and incumbent.best is not None and not effort.over and not incumbent.proven:
        left_s -= _one_part(incumbent, incumbent.best, objective, effort, draw)


def _one_part(
    incumbent: Incumbent, known: Schedule, objective: IntegerObjective, effort: SearchBudget, draw: Random
) -> float:
    """Plan one part anew; the seconds that takes by count."""
    problem = incumbent.problem
    free = freed(problem, known, draw, _FREED)
    if not free:
        return float("inf")
    window = Subproblem(problem, known, free, objective)
    solver = effort.solver(_PART, conflicts=_CONFLICTS)
    status = effort.solve(solver, window.cp)
    spent_s = _MODEL_S + _REPLAYED_S * len(problem.steps) + SECONDS * solver.deterministic_time
    spent_s += _CONFLICT_S * solver.num_conflicts
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        choice, start = window.solution(solver)
        incumbent.consider(merged(problem, known, free, choice, start), tell=True)
    return spent_s
