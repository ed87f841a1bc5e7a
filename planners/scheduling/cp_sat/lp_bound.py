"""A lower bound on the objective by linear programming: what no plan can beat, found in milliseconds.

Steps may be split over choices and nodes of a group share their capacity; what remains are the longest path, the work
that groups and providers can do until the makespan, and the budget. The classic relaxation of the discrete time-cost
trade-off (De, Dunne, Ghosh, Wells 1995, doi:10.1016/0377-2217(94)00187-H) with energy added.
"""

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem

# Choices up to which the program takes less than half a second, and those it deals with in a second.
_SMALL, _PER_S = 3000, 2000
# The solver's feasibility tolerance, generously.
_TOLERANCE = 1e-6


def lp_bound(problem: Problem, time_limit_s: float) -> float:
    """A lower bound in units of the objective; 0 where none was found, or where it would take most of the time."""
    program = _Program(problem)
    if not problem.steps or program.columns > max(_SMALL, _PER_S * time_limit_s):
        return 0.0
    return max(0.0, program.solve() * (1 - _TOLERANCE))


class _Program:
    """Columns: every choice of every step, then starts of steps, then the makespan. Rows: at most the right side."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        # What is dominated is in some optimal plan for nothing.
        options = [
            [*fresh, *(choice for choice in of if choice.in_flight)]
            for fresh, of in zip(problem.options.choices, problem.choices, strict=True)
        ]
        self._options = options
        self._choices = [(step, choice) for step, of in enumerate(options) for choice in of]
        self._first = np.cumsum([0, *(len(of) for of in options)])
        self._starts = len(self._choices)
        self._makespan = self._starts + len(problem.steps)
        self._rows: list[tuple[list[int], list[float], float]] = []
        self.columns = len(self._choices)

    def solve(self) -> float:
        """The least value of the relaxation, 0 if the solver gives up."""
        self._add_paths()
        self._add_work()
        self._add_budget()
        width = self._makespan + 1
        upper = _matrix([row[:2] for row in self._rows], width)
        ones = [(list(range(a, b)), [1.0] * (b - a)) for a, b in zip(self._first, self._first[1:], strict=False)]
        cost = np.zeros(width)
        weights = self._problem.objective
        cost[: self._starts] = [weights.usd_weight * choice.usd for _, choice in self._choices]
        cost[self._makespan] = weights.latency_weight * self._problem.quantum_s
        answer = linprog(
            cost,
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
            durations = [float(choice.duration) for choice in self._options[step]]
            after = [self._starts + c for c in children if not any(o.in_flight for o in problem.choices[c])]
            for end in [*after, self._makespan]:
                self._rows.append(([*columns, self._starts + step, end], [*durations, 1.0, -1.0], 0.0))

    def _add_work(self) -> None:
        for index, group in enumerate(self._problem.groups):
            for dimension, capacity in enumerate(group.amounts):
                work = [_work_on(choice, index, dimension) for _, choice in self._choices]
                self._add_capacity(work, float(capacity * len(group.nodes)), 0.0)
        for index, limit in enumerate(self._problem.limits):
            hold = max((u.hold or 0 for _, c in self._choices for u in c.uses if u.limit == index), default=0)
            work = [_work_of(choice, index) for _, choice in self._choices]
            self._add_capacity(work, float(limit.capacity), float(hold))

    def _add_capacity(self, work: list[float], capacity: float, beyond: float) -> None:
        """All work fits under the capacity until the makespan, and ``beyond`` it where windows outlast their calls."""
        columns = [i for i, amount in enumerate(work) if amount]
        if columns and capacity:
            amounts = [work[i] / capacity for i in columns]
            self._rows.append(([*columns, self._makespan], [*amounts, -1.0], beyond))

    def _add_budget(self) -> None:
        if self._problem.budget_usd is not None:
            dollars = [choice.usd for _, choice in self._choices]
            self._rows.append((list(range(self._starts)), dollars, self._problem.budget_usd * (1 + 1e-9) + 1e-9))


def _work_on(choice: ExecutionMode, group: int, dimension: int) -> float:
    return float(choice.amounts[dimension] * choice.duration) if choice.group == group else 0.0


def _work_of(choice: ExecutionMode, limit: int) -> float:
    if not choice.duration:
        return 0.0
    holds = (
        use.amount * (choice.duration if use.hold is None else use.hold) for use in choice.uses if use.limit == limit
    )
    return float(sum(holds))


def _matrix(rows: list[tuple[list[int], list[float]]], width: int) -> coo_array:
    index = np.concatenate([np.full(len(columns), i) for i, (columns, _) in enumerate(rows)])
    columns = np.concatenate([np.asarray(of, dtype=np.int64) for of, _ in rows])
    values = np.concatenate([np.asarray(of) for _, of in rows])
    return coo_array((values, (index, columns)), shape=(len(rows), width))
