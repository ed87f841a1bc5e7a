"""Improve schedules of workflows too large to solve whole: varied list schedules, then repaired parts, then moves.

Large neighbourhood search (Shaw 1998, doi:10.1007/3-540-49481-2_30) repeatedly destroys a part of the schedule (steps
around one time, or connected steps) and repairs it with CP-SAT while the rest stays. The result is replayed as a whole,
justified, and kept if it is not worse. Then local search changes single steps. The budget is counted in deterministic
work, so equal requests have equal results.
"""

from random import Random
from typing import NamedTuple

from ortools.sat.python import cp_model

from planners.scheduling.cp_sat.incumbent import Incumbent
from planners.scheduling.cp_sat.integer_objective import IntegerObjective
from planners.scheduling.cp_sat.large_neighbourhood.local_search import local_search
from planners.scheduling.cp_sat.large_neighbourhood.neighbourhoods import destroy, repair
from planners.scheduling.cp_sat.large_neighbourhood.subproblem import Subproblem
from planners.scheduling.cp_sat.search_budget import SECONDS_PER_UNIT, SearchBudget
from planners.scheduling.list_scheduling.compiled import compiled_passes
from planners.scheduling.list_scheduling.iterated_heft import randomized_heft
from planners.scheduling.list_scheduling.justification import justified
from planners.scheduling.list_scheduling.schedule import Schedule, satisfies_limits

# Steps destroyed at once: with more, CP-SAT finds less in the time.
_DESTROYED = 30
# Deterministic time and conflicts of one repair.
_REPAIR_UNITS, _REPAIR_CONFLICTS = 0.01, 150
# The share of the time limit to spend; the rest of planning takes time too.
_SPENT = 0.8
# Seconds on an idle core that the model of a subproblem takes.
_MODEL_S = 0.02


class StepTimes(NamedTuple):
    """Seconds on an idle core that a step takes, and shares of the time.

    ``initial_s``: before the search starts; ``listed_s``: in a list schedule, ``budget`` times as long if that has to
    keep to one; ``moved_s``: in a move; ``replayed_s``: in all replays of a repair. ``varied``: the share of varied
    list schedules; ``moved``: the share of moves in the rest.
    """

    initial_s: float
    listed_s: float
    budget: float
    moved_s: float
    replayed_s: float
    varied: float
    moved: float


# In Python a move takes as long as a repair, and gains less.
_PYTHON = StepTimes(1e-3, 4e-5, 1.0, 6e-5, 6e-5, varied=0.5, moved=0.0)
_COMPILED = StepTimes(5e-4, 5e-7, 2.0, 1.5e-7, 3e-6, varied=0.3, moved=0.65)


def improve(incumbent: Incumbent, objective: IntegerObjective, budget: SearchBudget, seed: int) -> None:
    """Improve the incumbent until the budget is spent or the incumbent is proven optimal."""
    known = incumbent.best or incumbent.fallback
    if known is None:
        return
    problem = incumbent.problem
    count = len(problem.steps)
    times = _PYTHON if compiled_passes(problem) is None else _COMPILED
    left_s = max(0.0, _SPENT * budget.time_limit_s - times.initial_s * count)
    round_s = times.listed_s * count * (1.0 if problem.budget_usd is None else times.budget)
    rounds = int(times.varied * left_s / round_s)
    for schedule in randomized_heft(problem, known, rounds, seed):
        incumbent.consider(schedule, report=True)
        if budget.exhausted or incumbent.proven_optimal:
            return
    left_s -= rounds * round_s
    if incumbent.best is not None:
        repairs = _Repairs(incumbent, incumbent.best, objective, budget, Random(seed))
        repairs.run((1 - times.moved) * left_s, _MODEL_S + times.replayed_s * count)
        _move(incumbent, int(times.moved * left_s / (times.moved_s * count)), budget, seed)


def _move(incumbent: Incumbent, moves: int, budget: SearchBudget, seed: int) -> None:
    """Try so many moves. Only the last schedule is reported: hundreds of moves improve it a little."""
    known = incumbent.best
    assert known is not None, "moves start from a schedule"
    best = known
    for best in local_search(incumbent.problem, known, moves, Random(seed)):
        if budget.exhausted or best.value <= incumbent.bound:
            break
    incumbent.consider(best, report=True)


class _Repairs:
    """Destroys and repairs parts of a schedule, which may also become another one of the same value."""

    def __init__(
        self, incumbent: Incumbent, known: Schedule, objective: IntegerObjective, budget: SearchBudget, rng: Random
    ) -> None:
        self._incumbent, self._problem = incumbent, incumbent.problem
        self._objective, self._budget, self._rng = objective, budget, rng
        self._current = known

    def run(self, left_s: float, beside_s: float) -> None:
        """Repeat for so much deterministic work, in seconds; ``beside_s`` is that of an iteration beside the solver."""
        self._consider(justified(self._problem, self._current))
        while left_s > 0 and not self._budget.exhausted and not self._incumbent.proven_optimal:
            left_s -= beside_s + self._destroy_and_repair()

    def _destroy_and_repair(self) -> float:
        """One iteration; returns the deterministic work of the solver in seconds."""
        problem, known, budget = self._problem, self._current, self._budget
        destroyed = destroy(problem, known, self._rng, _DESTROYED)
        if not destroyed:
            return float("inf")
        subproblem = Subproblem(problem, known, destroyed, self._objective)
        solver = budget.new_solver(_REPAIR_UNITS, conflicts=_REPAIR_CONFLICTS)
        status = budget.solve(solver, subproblem.cp)
        if status == cp_model.UNKNOWN and budget.exhausted:
            return float("inf")  # it may have ended before the solver was asked
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            mode, start = subproblem.solution(solver)
            repaired = repair(problem, known, destroyed, mode, start)
            self._consider(repaired)
            self._consider(justified(problem, repaired))
        return SECONDS_PER_UNIT * solver.deterministic_time

    def _consider(self, schedule: Schedule) -> None:
        """Go on from a schedule that is not worse: of many equal ones, some can be improved."""
        self._incumbent.consider(schedule, report=True)
        if schedule.value <= self._current.value and satisfies_limits(self._problem, schedule):
            self._current = schedule
