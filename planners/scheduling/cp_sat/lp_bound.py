"""A lower bound on the objective by linear programming, in milliseconds.

Steps may be split over modes, and the nodes of a group share their capacity. The remaining constraints are the longest
path, the work that groups and limits can do until the makespan, in windows of that time, and before and after the steps
at which the workflow narrows, and the budget: the classic relaxation of the discrete time-cost trade-off (De, Dunne,
Ghosh, Wells 1995, doi:10.1016/0377-2217(94)00187-H) with energy constraints added.
"""

from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from planners.scheduling.cp_sat.bottlenecks import bottlenecks
from planners.scheduling.cp_sat.dual_feasible import ORDERS, rounded_shares
from planners.scheduling.cp_sat.energy_windows import energy_windows
from planners.scheduling.cp_sat.refutation import least_unrefuted
from planners.scheduling.cp_sat.time_indexed import least_by_periods
from planners.scheduling.problem.lower_bound import earliest_starts, least_makespan
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem

# The number of modes that the program solves in half a second, and the number it solves a second.
_SMALL, _PER_S = 3000, 4000
# The status of a linear program without solutions.
_INFEASIBLE = 2
# A generous bound on the solver's feasibility tolerance.
_TOLERANCE = 1e-6
# More bottlenecks improve the bound little, and each of them has rows for all capacities.
_BOTTLENECKS = 4
_WINDOWS = 6
# How often the bound is bisected: in this share of the time limit, if a program takes so many seconds a mode.
_ROUNDS, _BISECTED, _MODE_S = 4, 0.25, 1e-4
# The share of the time limit in which makespans are refuted. Of fewer steps, the solver finds as good a bound itself.
_REFUTED, _FEW_STEPS = 0.15, 100
# The same for time in periods, which takes longer: for schedules that end so many times later than the bound.
_BY_PERIODS, _FAR = 0.2, 1.1


def lp_bound(problem: Problem, time_limit_s: float, best: float = inf) -> float:
    """A lower bound in units of the objective; 0 if none was found or computing it would take most of the time.

    ``best`` is the value of a known schedule. Better ones use no mode that is too slow for them, and that lifts the
    bound: what is found is a bound on what is at least as good.
    """
    if not problem.steps:
        return 0.0
    end, least = _latest_end(problem, best), least_makespan(problem)
    if end < inf and len(problem.steps) > _FEW_STEPS:
        least = least_unrefuted(problem, least, end, _REFUTED * time_limit_s)
        if end > _FAR * least:
            least = least_by_periods(problem, least, end, _BY_PERIODS * time_limit_s)
    program = _LinearRelaxation(problem, end, least)
    if program.columns > max(_SMALL, _PER_S * time_limit_s):
        return min(best, problem.value(least, sum(problem.min_usd)))
    bound = min(best, max(0.0, program.solve() * (1 - _TOLERANCE)))
    if best == inf or not problem.objective.latency_weight or problem.has_in_flight:
        return bound
    rounds = int(_BISECTED * time_limit_s / (_MODE_S * max(1, program.columns))) - 1
    return _bisected(problem, bound, best, least, min(_ROUNDS, rounds))


def _bisected(problem: Problem, bound: float, best: float, least: int, rounds: int) -> float:
    """A better bound: what is better than a value ends before a time, and then its calls may not fit any more."""
    low, high = bound, best
    for _ in range(rounds):
        middle = (low + high) / 2
        end = _latest_end(problem, middle)
        value = _LinearRelaxation(problem, end, least).solve(end) * (1 - _TOLERANCE)
        if value >= middle:
            low = middle
        else:
            low, high = max(low, value), middle
    return low


def _latest_end(problem: Problem, best: float) -> float:
    """When schedules end that are at least as good, in quanta."""
    weights = problem.objective
    if not weights.latency_weight:
        return inf
    spare = best - weights.usd_weight * sum(problem.min_usd)
    return spare / (weights.latency_weight * problem.quantum_s) * (1 + _TOLERANCE) + 1


class _Capacity(NamedTuple):
    """What a group or a limit can do: the work of every mode, the amount, and how long windows outlast their calls."""

    work: NDArray[np.float64]
    amount: float
    beyond: float


class _LinearRelaxation:
    """Columns: every mode of every step, then the starts of steps, then the makespan. Rows: at most the right side."""

    def __init__(self, problem: Problem, latest_end: float, least: int) -> None:
        """Set up for schedules that end by ``latest_end``, and none before ``least``."""
        self._problem = problem
        self._least = least
        # Some optimal plan uses no dominated mode.
        self._by_step = [
            [*new, *(mode for mode in modes if mode.in_flight)]
            for new, modes in zip(problem.mode_table.modes, problem.modes, strict=True)
        ]
        heads, tails = earliest_starts(problem), np.array(problem.min_tails) - problem.min_durations
        if not problem.has_in_flight:
            self._by_step = [
                [mode for mode in modes if head + mode.duration + tail <= latest_end]
                for modes, head, tail in zip(self._by_step, heads, tails.tolist(), strict=True)
            ]
        self._modes = [(step, mode) for step, modes in enumerate(self._by_step) for mode in modes]
        self._first = np.cumsum([0, *(len(modes) for modes in self._by_step)])
        self._starts = len(self._modes)
        self._makespan = self._starts + len(problem.steps)
        self._rows: list[tuple[list[int], list[float], float]] = []
        # Of each mode, its step, the time before that can start and after it has ended.
        self._step_of = np.array([step for step, _ in self._modes], dtype=np.int64)
        self._head, self._tail = np.array(heads)[self._step_of], tails[self._step_of]
        self._duration = np.array([mode.duration for _, mode in self._modes], dtype=np.float64)
        self.columns = len(self._modes)

    def solve(self, until: float = inf) -> float:
        """The minimum of the relaxation; 0 if the solver fails or the numbers are too large for it.

        Infinite if there is none, or some step has no mode. ``until``: no step ends later.
        """
        if not all(self._by_step):
            return inf
        self._add_paths()
        self._add_work(until)
        self._add_bottlenecks()
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
        if self._least > until:
            return inf
        least = [0.0] * self._makespan + [float(self._least)]
        answer = linprog(
            cost,
            bounds=[*((low, None) for low in least[:-1]), (least[-1], until)],
            A_ub=upper,
            b_ub=[row[2] for row in self._rows],
            A_eq=_matrix(ones, width),
            b_eq=np.ones(len(ones)),
            method="highs",
        )
        if answer.status == _INFEASIBLE:
            return inf
        return float(answer.fun) if answer.status == 0 else 0.0

    def _add_paths(self) -> None:
        problem = self._problem
        for step, children in enumerate(problem.children):
            columns = list(range(self._first[step], self._first[step + 1]))
            durations = self._durations(step)
            after = [self._starts + c for c in children if not any(mode.in_flight for mode in problem.modes[c])]
            for end in [*after, self._makespan]:
                self._rows.append(([*columns, self._starts + step, end], [*durations, 1.0, -1.0], 0.0))

    def _durations(self, step: int) -> list[float]:
        return [float(mode.duration) for mode in self._by_step[step]]

    def _add_work(self, until: float) -> None:
        """All work fits into the capacities until the makespan, and so does the work of each window.

        There is no such work before the first of its steps can start, nor while the least that follows any of them is
        done.
        """
        everything = np.ones(len(self._problem.steps), dtype=np.bool_)
        capacities = self._capacities()
        for steps in (everything, *energy_windows(self._problem, _WINDOWS)):
            for capacity in capacities:
                if (columns := self._columns(capacity, steps)).size:
                    idle = self._head[columns].min() + self._tail[columns].min()
                    self._add_capacity(capacity, columns, idle, {self._makespan: -1.0})
                    if until < inf and not capacity.beyond:
                        self._add_rounded(capacity, columns, until - idle)

    def _add_rounded(self, capacity: _Capacity, columns: NDArray[np.int64], window: float) -> None:
        """The same for a window of known length, in which the parts of a call cannot be used twice."""
        amounts = capacity.work[columns] / capacity.amount / self._duration[columns]
        for order in ORDERS:
            values = amounts * rounded_shares(self._duration[columns] / window, order)
            if (values > 0).any():
                used = values > 0
                self._rows.append((columns[used].tolist(), values[used].tolist(), 1.0))

    def _add_bottlenecks(self) -> None:
        """What is before a bottleneck fits into the capacities until it starts, what is after it from its end on."""
        capacities = self._capacities()
        for step, before, after in bottlenecks(self._problem, _BOTTLENECKS):
            start, durations = self._starts + step, dict(enumerate(self._durations(step), int(self._first[step])))
            for capacity in capacities:
                if (columns := self._columns(capacity, before)).size:
                    self._add_capacity(capacity, columns, self._head[columns].min(), {start: -1.0})
                if (columns := self._columns(capacity, after)).size:
                    others = durations | {start: 1.0, self._makespan: -1.0}
                    self._add_capacity(capacity, columns, self._tail[columns].min(), others)

    def _capacities(self) -> list[_Capacity]:
        found = []
        for index, group in enumerate(self._problem.groups):
            for dimension, amount in enumerate(group.amounts):
                work = [_work_on(mode, index, dimension) for _, mode in self._modes]
                found.append(_Capacity(np.array(work), float(amount * len(group.nodes)), 0.0))
        for index, limit in enumerate(self._problem.limits):
            hold = max((u.hold or 0 for _, m in self._modes for u in m.uses if u.limit == index), default=0)
            work = [_work_of(mode, index) for _, mode in self._modes]
            found.append(_Capacity(np.array(work), float(limit.capacity), float(hold)))
        return [one for one in found if one.amount and one.work.any()]

    def _columns(self, capacity: _Capacity, steps: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The modes of these steps that need the capacity."""
        return np.flatnonzero(steps[self._step_of] & (capacity.work > 0))

    def _add_capacity(
        self, capacity: _Capacity, columns: NDArray[np.int64], idle: float, others: dict[int, float]
    ) -> None:
        """The work of the columns, the idle time and the other columns by their factors: at most 0 together."""
        amounts = (capacity.work[columns] / capacity.amount).tolist()
        row = [*columns.tolist(), *others], [*amounts, *others.values()], capacity.beyond - idle
        self._rows.append(row)

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
