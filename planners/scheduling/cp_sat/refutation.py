"""A lower bound on the makespan by refutation: no schedule ends by a time in which the work of a window does not fit.

Of a schedule that ends by a time, each step has only the modes that are quick enough for what comes before and after
it, and its work has to be done in what is left of the time. Where it does not fit, although steps may be split over
modes and nodes are pooled, there is no such schedule (destructive improvement: Klein, Scholl 1999,
doi:10.1016/S0377-2217(97)00441-1). A call of more than half of that time leaves no room for another one like it, which
`dual_feasible` accounts for.
"""

from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array

from planners.scheduling.cp_sat.dual_feasible import ORDERS, rounded_shares
from planners.scheduling.cp_sat.energy_windows import energy_windows
from planners.scheduling.problem.lower_bound import earliest_starts
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem

_WINDOWS = 40
# The bound is found to this share of it.
_PRECISION = 0.006
# So many seconds a mode takes in a program.
_MODE_S = 6e-6
# A program that takes longer is hardly decided, and then refutes nothing.
_ITERATIONS = 500
# The status of a linear program without solutions, and a generous bound on the solver's feasibility tolerance.
_INFEASIBLE = 2
_TOLERANCE = 1e-6


def least_unrefuted(problem: Problem, low: int, high: float, time_limit_s: float) -> int:
    """A bound on the makespan of schedules that end by ``high``; at least ``low``, which is one already.

    The time limit is counted in work, so the bound does not depend on the machine. Attempts in flight do not wait for
    their parents, so nothing is refuted where there are any.
    """
    if problem.has_in_flight or not problem.steps or not all(problem.mode_table.counts):
        return low
    return _Refutation(problem).least_makespan(low, high, time_limit_s)


class _Refutation:
    """Columns are the modes of all steps, in the order of the steps; rows are what takes capacity, and how."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        by_step = problem.mode_table.modes
        modes = [mode for row in by_step for mode in row]
        self._step = np.repeat(np.arange(len(by_step)), [len(row) for row in by_step])
        self._duration = np.array([mode.duration for mode in modes], dtype=np.float64)
        self._usd = np.array([mode.usd for mode in modes])
        self._heads = np.array(earliest_starts(problem), dtype=np.float64)
        self._tails = np.array(problem.min_tails, dtype=np.float64) - problem.min_durations
        self._shares = np.array([_shares(problem, mode) for mode in modes]).T
        self._held = np.array([_held(problem, mode) for mode in modes]).reshape(len(modes), -1).T
        uses = [use for mode in modes for use in mode.uses]
        self._hold = np.array([
            max((use.hold or 0 for use in uses if use.limit == limit), default=0)
            for limit in range(len(problem.limits))
        ]).reshape(-1, 1)  # fmt: skip

    def least_makespan(self, low: int, high: float, left_s: float) -> int:
        """The least makespan from ``low`` on that no window refutes in the time."""
        for steps in (*energy_windows(self._problem, _WINDOWS), np.ones(len(self._problem.steps), dtype=np.bool_)):
            program_s = _MODE_S * float(steps[self._step].sum())
            until = high
            while until > low * (1 + _PRECISION) and left_s >= program_s:
                # Most windows refute nothing, which one program tells.
                at = low * (1 + _PRECISION) if until == high else (low + until) / 2
                left_s -= program_s
                if self._is_possible(steps, at):
                    until = at
                else:
                    low, until = ceil(at), min(until, high * (1 - 1e-9))
        return low

    def _is_possible(self, steps: NDArray[np.bool_], until: float) -> bool:
        """Whether the work of these steps may be done if all end by a time."""
        spare = until - self._heads - self._tails
        window = until - float(self._heads[steps].min()) - float(self._tails[steps].min())
        columns = np.flatnonzero(steps[self._step] & (self._duration <= spare[self._step]))
        members, row = np.unique(self._step[columns], return_inverse=True)
        if len(members) < steps.sum():
            return False
        used = self._used(columns, window)
        if self._problem.budget_usd is not None:
            others = sum(usd for usd, inside in zip(self._problem.min_usd, steps.tolist(), strict=True) if not inside)
            left_usd = self._problem.budget_usd - others
            if left_usd > 0:
                used = np.concatenate((used, self._usd[None, columns] / left_usd))
        entries = np.ones(len(columns)), (row, np.arange(len(columns)))
        answer = linprog(
            np.zeros(len(columns)),
            A_ub=csr_array(used),
            b_ub=np.full(len(used), 1 + _TOLERANCE),
            A_eq=coo_array(entries, shape=(len(members), len(columns))),
            b_eq=np.ones(len(members)),
            method="highs",
            options={"maxiter": _ITERATIONS},
        )
        return bool(answer.status != _INFEASIBLE)

    def _used(self, columns: NDArray[np.int64], window: float) -> NDArray[np.float64]:
        """What each column takes of each capacity in the window; together they take at most 1."""
        parts = self._duration[columns] / max(window, 1.0)
        shares, held = self._shares[:, columns], self._held[:, columns] / (max(window, 1.0) + self._hold)
        rows = np.concatenate((shares * parts, *(shares * rounded_shares(parts, order) for order in ORDERS), held))
        found: NDArray[np.float64] = rows[rows.any(axis=1)]
        return found


def _shares(problem: Problem, mode: ExecutionMode) -> list[float]:
    """What a call takes of each capacity while it runs: of the nodes of each group, and of limits."""
    shares = []
    for index, group in enumerate(problem.groups):
        for dimension, amount in enumerate(group.amounts):
            taken = mode.amounts[dimension] if mode.group == index else 0
            shares.append(taken / (amount * len(group.nodes)) if amount else 0.0)
    for index, limit in enumerate(problem.limits):
        taken = sum(use.amount for use in mode.uses if use.limit == index and use.hold is None)
        shares.append(taken / limit.capacity if limit.capacity else 0.0)
    return shares


def _held(problem: Problem, mode: ExecutionMode) -> list[float]:
    """What a call takes of each limit for a time from its start, in quanta of all of it."""
    return [
        sum(use.amount * (use.hold or 0) for use in mode.uses if use.limit == index) / (limit.capacity or 1)
        for index, limit in enumerate(problem.limits)
    ]
