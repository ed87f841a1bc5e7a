"""A lower bound on the makespan by a time-indexed linear program over classes of steps.

Many like steps do not end at once: those of the last round on the fastest nodes, and what follows them, end late, which
neither the longest path nor the work in a window tells. Here, time until a makespan has periods of equal length, and
the variables tell how many steps of a class start at which boundary of periods, in which mode (Pritsker, Watters, Wolfe
1969, doi:10.1287/mnsc.16.1.93, with steps of a class counted together). If no such numbers exist, no schedule ends by
that makespan.

Every schedule is a solution. A step that starts between two boundaries counts at both, in proportion; its duration is
rounded down to whole periods, so what it takes of each period is in proportion too. Where each step of a class needs
``a`` parents of another one, and each of these has at most ``b`` children in the class, ``a`` times the starts until
any time are at most ``b`` times the ends until then.
"""

from collections.abc import Iterator
from math import ceil, floor
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from planners.scheduling.problem.lower_bound import earliest_starts
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem

# Parts of a class, by the least durations of its steps, and periods: the finest in which so many programs fit into the
# time.
_RESOLUTIONS, _PROGRAMS = ((4, 60), (3, 50), (2, 50), (1, 50), (1, 30)), 5
# Seconds that a program takes, by its columns squared.
_COLUMN_S = 1e-8
# The bound is found to this share of it.
_PRECISION = 0.006
# The status of a linear program without solutions, and a generous bound on the solver's feasibility tolerance.
_INFEASIBLE = 2
_TOLERANCE = 1e-6
# Whole numbers of periods, but for rounding errors, are whole.
_ROUNDING = 1e-10


class _Grid(NamedTuple):
    """The time until which all steps end, in quanta, in so many periods of equal length."""

    until: float
    periods: int

    @property
    def length(self) -> float:
        """That of a period, in quanta."""
        return self.until / self.periods


class _Part(NamedTuple):
    """Steps of a class that are counted together: when the first can start, and the least that follows any of them.

    ``modes`` has the modes with their least duration in quanta, and their least cost.
    """

    step_class: int
    size: int
    head: int
    tail: int
    modes: tuple[tuple[ExecutionMode, float, float], ...]


class _Order(NamedTuple):
    """Each step of ``later`` needs ``parents`` steps of ``sooner``, each of which has at most ``children`` there."""

    sooner: int
    later: int
    parents: int
    children: int


class _Column(NamedTuple):
    """Calls of a part in a mode that start at a boundary, and end so many periods later."""

    part: int
    mode: ExecutionMode
    usd: float
    start: int
    periods: int


def least_by_periods(problem: Problem, low: int, high: float, time_limit_s: float) -> int:
    """A bound on the makespan of schedules that end by ``high``; at least ``low``, which is one already.

    The time limit is counted in work, so the bound does not depend on the machine. Attempts in flight do not wait for
    their parents, so nothing is refuted where there are any.
    """
    if problem.has_in_flight or not problem.steps or not all(problem.mode_table.counts):
        return low
    orders, left_s, until = _orders(problem), time_limit_s, high
    parts, periods = _resolution(problem, (low + high) / 2, time_limit_s / _PROGRAMS)
    while until > low * (1 + _PRECISION):
        # Many workflows gain nothing, which one program tells.
        grid = _Grid(low * (1 + _PRECISION) if until == high else (low + until) / 2, periods)
        columns = list(_columns(parts, grid))
        left_s -= _seconds(len(columns))
        if left_s < 0:
            break
        if _Program(problem, parts, orders, columns, grid).has_solution():
            until = grid.until
        else:
            low, until = ceil(grid.until), min(until, high * (1 - 1e-9))
    return low


def _seconds(columns: int) -> float:
    """How long a program takes."""
    return _COLUMN_S * columns**2


def _resolution(problem: Problem, until: float, program_s: float) -> tuple[list[_Part], int]:
    """The parts of all classes and the number of periods, as fine as the seconds of a program allow."""
    for most, periods in _RESOLUTIONS:
        parts = _parts(problem, most)
        if _seconds(sum(1 for _ in _columns(parts, _Grid(until, periods)))) <= program_s:
            break
    return parts, periods


def _parts(problem: Problem, most: int) -> list[_Part]:
    """The steps of each class in parts of nearly equal size, by their least duration."""
    table, found = problem.mode_table, list[_Part]()
    durations = np.array(problem.min_durations)
    heads, tails = np.array(earliest_starts(problem)), np.array(problem.min_tails) - durations
    for index, rows in enumerate(table.classes):
        used = sorted({mode for step in rows.steps.tolist() for mode in table.index[step]})
        by_duration = np.argsort(durations[rows.steps], kind="stable")
        for members in np.array_split(by_duration, min(most, len(by_duration))):
            steps, row = rows.steps[members], rows.row[members]
            least = rows.duration[row].min(axis=0).tolist(), rows.usd[row].min(axis=0).tolist()
            modes = tuple((rows.modes[k], least[0][k], least[1][k]) for k in used)
            found.append(_Part(index, len(steps), int(heads[steps].min()), int(tails[steps].min()), modes))
    return found


def _orders(problem: Problem) -> list[_Order]:
    """What each class needs of others."""
    count, classes = len(problem.steps), problem.mode_table.classes
    class_of = np.zeros(count, dtype=np.int64)
    for index, rows in enumerate(classes):
        class_of[rows.steps] = index
    parents, children = np.zeros((count, len(classes)), np.int64), np.zeros((count, len(classes)), np.int64)
    for step, of_step in enumerate(problem.parents):
        for parent in of_step:
            parents[step, class_of[parent]] += 1
            children[parent, class_of[step]] += 1
    found = []
    for later, rows in enumerate(classes):
        least = parents[rows.steps].min(axis=0)
        for sooner in np.flatnonzero(least).tolist():
            if sooner != later:
                most = int(children[classes[sooner].steps, later].max())
                found.append(_Order(sooner, later, int(least[sooner]), most))
    return found


def _columns(parts: list[_Part], grid: _Grid) -> Iterator[_Column]:
    """All starts by which the steps of each part, and what follows them, may end in time."""
    length = grid.length
    for index, part in enumerate(parts):
        for mode, duration, usd in part.modes:
            latest = grid.until - part.tail - duration
            if latest >= part.head:
                whole = floor(duration / length + _ROUNDING)
                last = min(grid.periods - whole, ceil(latest / length - _ROUNDING))
                for start in range(floor(part.head / length + _ROUNDING), last + 1):
                    yield _Column(index, mode, usd, start, whole)


class _Program:
    """The program for a makespan. Columns: those of starts, then what is in use, then how many started and ended.

    Each quantity over time is that at the boundary or in the period before, and what changes; so columns are short.
    """

    def __init__(
        self, problem: Problem, parts: list[_Part], orders: list[_Order], columns: list[_Column], grid: _Grid
    ) -> None:
        self._problem, self._parts, self._columns = problem, parts, columns
        self._length, self._periods = grid.length, grid.periods
        self._width = len(columns)
        self._rows = 0
        self._entries: tuple[list[int], list[int], list[float]] = [], [], []
        self._counts: list[float] = []
        self._upper: list[float] = [np.inf] * len(columns)
        self._limits: list[tuple[list[int], list[float], float]] = []
        self._add_parts()
        self._add_capacities()
        self._add_orders(orders)
        self._add_budget()

    def has_solution(self) -> bool:
        """False only where there is certainly none."""
        if len({column.part for column in self._columns}) < len(self._parts):
            return False
        rows, columns, values = self._entries
        limits = [(i, *entry) for i, limit in enumerate(self._limits) for entry in zip(*limit[:2], strict=True)]
        upper = None
        if limits:
            index, at, factors = zip(*limits, strict=True)
            upper = coo_array((factors, (index, at)), shape=(len(self._limits), self._width))
        answer = linprog(
            np.zeros(self._width),
            A_ub=upper,
            b_ub=[limit[2] for limit in self._limits] or None,
            A_eq=coo_array((values, (rows, columns)), shape=(self._rows, self._width)),
            b_eq=self._counts,
            bounds=[(0, most) for most in self._upper],
            method="highs",
        )
        return bool(answer.status != _INFEASIBLE)

    def _add_parts(self) -> None:
        """All steps of every part start."""
        for at, column in enumerate(self._columns):
            self._add(column.part, at, 1.0)
        self._rows = len(self._parts)
        self._counts += [float(part.size) for part in self._parts]

    def _add_capacities(self) -> None:
        """In each period, no more of a capacity is in use than there is."""
        problem = self._problem
        totals = {
            (index, dimension): len(group.nodes) * amount
            for index, group in enumerate(problem.groups)
            for dimension, amount in enumerate(group.amounts)
        }
        changes: dict[tuple[int, int], list[tuple[int, int, float]]] = {}
        for at, column in enumerate(self._columns):
            for capacity, share, periods in self._taken(column, totals):
                if share and periods:
                    entries = changes.setdefault(capacity, [])
                    entries.append((column.start, at, share))
                    entries.append((column.start + periods, at, -share))
        for entries in changes.values():
            self._add_sum(entries, self._periods, 1 + _TOLERANCE)

    def _taken(
        self, column: _Column, totals: dict[tuple[int, int], int]
    ) -> Iterator[tuple[tuple[int, int], float, int]]:
        """(capacity, share of it, periods) of a call; limits are numbered after the groups."""
        mode, problem = column.mode, self._problem
        for dimension, amount in enumerate(mode.amounts):
            if amount:
                yield (mode.group, dimension), amount / totals[mode.group, dimension], column.periods
        for use in mode.uses:
            periods = column.periods if use.hold is None else floor(use.hold / self._length)
            if problem.limits[use.limit].capacity:
                yield (len(problem.groups) + use.limit, 0), use.amount / problem.limits[use.limit].capacity, periods

    def _add_orders(self, orders: list[_Order]) -> None:
        started = {order.later: list[tuple[int, int, float]]() for order in orders}
        ended = {order.sooner: list[tuple[int, int, float]]() for order in orders}
        for at, column in enumerate(self._columns):
            step_class = self._parts[column.part].step_class
            if step_class in started:
                started[step_class].append((column.start, at, 1.0))
            if step_class in ended:
                ended[step_class].append((column.start + column.periods, at, 1.0))
        first_started = {one: self._add_sum(entries, self._periods + 1, np.inf) for one, entries in started.items()}
        first_ended = {one: self._add_sum(entries, self._periods + 1, np.inf) for one, entries in ended.items()}
        for order in orders:
            factors = [1.0, -order.children / order.parents]
            for k in range(self._periods + 1):
                pair = [first_started[order.later] + k, first_ended[order.sooner] + k]
                self._limits.append((pair, factors, _TOLERANCE))

    def _add_budget(self) -> None:
        budget = self._problem.budget_usd
        if budget is not None:
            scale = budget or 1.0
            usd = [column.usd / scale for column in self._columns]
            self._limits.append((list(range(len(usd))), usd, budget / scale + _TOLERANCE))

    def _add_sum(self, changes: list[tuple[int, int, float]], times: int, most: float) -> int:
        """Add columns for the sum of changes until each time; returns the first. Changes: (time, column, factor)."""
        first, row = self._width, self._rows
        for time, column, factor in changes:
            if time < times:
                self._add(row + time, column, factor)
        for time in range(times):
            self._add(row + time, first + time, -1.0)
            if time:
                self._add(row + time, first + time - 1, 1.0)
        self._rows += times
        self._counts += [0.0] * times
        self._width += times
        self._upper += [most] * times
        return first

    def _add(self, row: int, column: int, value: float) -> None:
        rows, columns, values = self._entries
        rows.append(row)
        columns.append(column)
        values.append(value)
