"""A lower bound on the objective by linear programming, in milliseconds.

Steps may be split over modes, and the nodes of a group share their capacity. The remaining constraints are the longest
path, the work that groups and limits can do until the makespan, and the budget: the classic relaxation of the discrete
time-cost trade-off (De, Dunne, Ghosh, Wells 1995, doi:10.1016/0377-2217(94)00187-H) with energy constraints added.
"""

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from planners.scheduling.problem.lower_bound import earliest_starts, least_makespan
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem

# The number of modes that the program solves in half a second, and the number it solves a second.
_SMALL, _PER_S = 3000, 4000
# A generous bound on the solver's feasibility tolerance.
_TOLERANCE = 1e-6


def lp_bound(problem: Problem, time_limit_s: float) -> float:
    """A lower bound in units of the objective; 0 if none was found or computing it would take most of the time."""
    program = _LinearRelaxation(problem)
    if not problem.steps or program.columns > max(_SMALL, _PER_S * time_limit_s):
        return 0.0
    return max(0.0, program.solve() * (1 - _TOLERANCE))


class _LinearRelaxation:
    """Columns: every mode of every step, then the starts of steps, then the makespan. Rows: at most the right side."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        # Some optimal plan uses no dominated mode.
        self._by_step = [
            [*new, *(mode for mode in modes if mode.in_flight)]
            for new, modes in zip(problem.mode_table.modes, problem.modes, strict=True)
        ]
        self._modes = [(step, mode) for step, modes in enumerate(self._by_step) for mode in modes]
        self._first = np.cumsum([0, *(len(modes) for modes in self._by_step)])
        self._starts = len(self._modes)
        self._makespan = self._starts + len(problem.steps)
        self._rows: list[tuple[list[int], list[float], float]] = []
        # Of each mode, the time before its step can start and after it has ended.
        heads, tails = earliest_starts(problem), problem.min_tails
        self._around = [(heads[step], tails[step] - problem.min_durations[step]) for step, _ in self._modes]
        self.columns = len(self._modes)

    def solve(self) -> float:
        """The minimum of the relaxation; 0 if the solver fails or the numbers are too large for it."""
        self._add_paths()
        self._add_work()
        self._add_budget()
        width = self._makespan + 1
        upper = _matrix([row[:2] for row in self._rows], width)
        ones = [(list(range(a, b)), [1.0] * (b - a)) for a, b in zip(self._first, self._first[1:], strict=False)]
        cost = np.zeros(width)
        weights = self._problem.objective
        cost[: self._starts] = [weights.usd_weight * mode.usd for _, mode in self._modes]
        cost[self._makespan] = weights.latency_weight * self._problem.quantum_s
        if not np.isfinite(cost).all():
            return 0.0
        least = [0.0] * self._makespan + [float(least_makespan(self._problem))]
        answer = linprog(
            cost,
            bounds=[(low, None) for low in least],
            A_ub=upper,
            b_ub=[row[2] for row in self._rows],
            A_eq=_matrix(ones, width),
            b_eq=np.ones(len(ones)),
            method="highs",
        )
        return float(answer.fun) if answer.status == 0 else 0.0

    def _add_paths(self) -> None:
        problem = self._problem
        for step, children in enumerate(problem.children):
            columns = list(range(self._first[step], self._first[step + 1]))
            durations = [float(mode.duration) for mode in self._by_step[step]]
            after = [self._starts + c for c in children if not any(mode.in_flight for mode in problem.modes[c])]
            for end in [*after, self._makespan]:
                self._rows.append(([*columns, self._starts + step, end], [*durations, 1.0, -1.0], 0.0))

    def _add_work(self) -> None:
        for index, group in enumerate(self._problem.groups):
            for dimension, capacity in enumerate(group.amounts):
                work = [_work_on(mode, index, dimension) for _, mode in self._modes]
                self._add_capacity(work, float(capacity * len(group.nodes)), 0.0)
        for index, limit in enumerate(self._problem.limits):
            hold = max((u.hold or 0 for _, m in self._modes for u in m.uses if u.limit == index), default=0)
            work = [_work_of(mode, index) for _, mode in self._modes]
            self._add_capacity(work, float(limit.capacity), float(hold))

    def _add_capacity(self, work: list[float], capacity: float, beyond: float) -> None:
        """All work fits into the capacity until the makespan, plus ``beyond`` where windows outlast their calls.

        There is no such work before the first of its steps can start, nor while the least that follows any of them is
        done.
        """
        columns = [i for i, amount in enumerate(work) if amount]
        if columns and capacity:
            amounts = [work[i] / capacity for i in columns]
            idle = min(self._around[i][0] for i in columns) + min(self._around[i][1] for i in columns)
            self._rows.append(([*columns, self._makespan], [*amounts, -1.0], beyond - idle))

    def _add_budget(self) -> None:
        if self._problem.budget_usd is not None:
            usd = [mode.usd for _, mode in self._modes]
            self._rows.append((list(range(self._starts)), usd, self._problem.budget_usd * (1 + 1e-9) + 1e-9))


def _work_on(mode: ExecutionMode, group: int, dimension: int) -> float:
    return float(mode.amounts[dimension] * mode.duration) if mode.group == group else 0.0


def _work_of(mode: ExecutionMode, limit: int) -> float:
    if not mode.duration:
        return 0.0
    holds = (use.amount * (mode.duration if use.hold is None else use.hold) for use in mode.uses if use.limit == limit)
    return float(sum(holds))


def _matrix(rows: list[tuple[list[int], list[float]]], width: int) -> coo_array:
    index = np.concatenate([np.full(len(columns), i) for i, (columns, _) in enumerate(rows)])
    columns = np.concatenate([np.asarray(row, dtype=np.int64) for row, _ in rows])
    values = np.concatenate([np.asarray(row) for _, row in rows])
    return coo_array((values, (index, columns)), shape=(len(rows), width))
