"""A part of a schedule as a CP-SAT model: the destroyed steps have all their modes, all other steps stay fixed.

Fixed steps occupy their capacity as blocks of time. A fixed step that follows a destroyed one requires its output by
the remaining time from its start to the end of the known schedule, so the model's makespan is that of the whole
schedule if the successors shifted together. The nodes of a group share their capacity, as in
`planners.scheduling.cp_sat.model`; replaying corrects that.
"""

from collections.abc import Iterable, Sequence

from ortools.sat.python import cp_model

from planners.scheduling.cp_sat.integer_objective import IntegerObjective
from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.units import unpack

_Span = tuple[int, int, int]
# The weight of all ends together relative to the makespan: earlier ends leave capacity to later steps.
_ENDS_WEIGHT = 0.02
_LARGEST = 10**17
# The number of pieces into which the occupied capacity is divided; CP-SAT slows down with more.
_PIECES = 24


class Subproblem:
    """Variables and constraints of the destroyed steps of a schedule."""

    def __init__(
        self, problem: Problem, known: Schedule, destroyed: Sequence[int], objective: IntegerObjective
    ) -> None:
        self.cp = cp_model.CpModel()
        self.destroyed = destroyed
        self._problem, self._known = problem, known
        self._row = {step: row for row, step in enumerate(destroyed)}
        self._modes = [_candidate_modes(problem, known, step) for step in destroyed]
        self.makespan = self.cp.new_int_var(0, known.makespan, "makespan")
        self.cp.add_hint(self.makespan, known.makespan)
        self._since, self._until = _window(known, destroyed)
        self._beside = self._steps_beside()
        self.start = [self.cp.new_int_var(self._since, self._until, f"start_{step}") for step in destroyed]
        self.chosen = [
            [self.cp.new_bool_var(f"x_{step}_{i}") for i, _ in modes]
            for step, modes in zip(destroyed, self._modes, strict=True)
        ]
        self._end: list[cp_model.LinearExpr] = []
        for row, step in enumerate(destroyed):
            self._add_step(row, step)
        for row, step in enumerate(destroyed):
            self._add_precedence(row, step)
        self._add_groups()
        self._add_limits()
        self._add_objective(objective)

    def solution(self, solver: cp_model.CpSolver) -> tuple[list[int], list[int]]:
        """(mode, start) of each destroyed step."""
        chosen = [
            next(index for (index, _), x in zip(modes, literals, strict=True) if solver.boolean_value(x))
            for modes, literals in zip(self._modes, self.chosen, strict=True)
        ]
        return chosen, [solver.value(start) for start in self.start]

    def _add_step(self, row: int, step: int) -> None:
        self.cp.add_exactly_one(self.chosen[row])
        durations = [mode.duration for _, mode in self._modes[row]]
        self._end.append(self.start[row] + _dot(self.chosen[row], durations))
        self.cp.add(self.makespan >= self._end[row])
        self.cp.add(self._end[row] <= self._until)
        self.cp.add_hint(self.start[row], self._known.start[step])
        for (index, _), literal in zip(self._modes[row], self.chosen[row], strict=True):
            self.cp.add_hint(literal, index == self._known.mode[step])

    def _add_precedence(self, row: int, step: int) -> None:
        problem, known = self._problem, self._known
        for parent in problem.parents[step]:
            of_parent = problem.modes[parent][known.mode[parent]]
            if parent in self._row:
                self._add_pair(self._row[parent], row)
            else:
                lags = [
                    0 if mode.group == of_parent.group else of_parent.lag_to(mode.group) for _, mode in self._modes[row]
                ]
                self.cp.add(self.start[row] >= known.end[parent] + _dot(self.chosen[row], lags))
        for child in problem.children[step]:
            of_child = problem.modes[child][known.mode[child]]
            if child not in self._row and not of_child.in_flight:
                lags = [
                    0 if mode.group == of_child.group else mode.lag_to(of_child.group) for _, mode in self._modes[row]
                ]
                tail = known.makespan - known.start[child]
                self.cp.add(self.makespan >= self._end[row] + _dot(self.chosen[row], lags) + tail)

    def _add_pair(self, parent: int, child: int) -> None:
        """Precedence between two destroyed steps: outputs are transferred unless both are in one group."""
        self.cp.add(self.start[child] >= self._end[parent])
        if not any(mode.lag for _, mode in self._modes[parent]):
            return
        together = self.cp.new_bool_var(f"together_{parent}_{child}")
        node = self._known.node
        self.cp.add_hint(together, node[self.destroyed[parent]] == node[self.destroyed[child]])
        by_group: dict[int, list[cp_model.IntVar]] = {}
        for (_, mode), literal in zip(self._modes[child], self.chosen[child], strict=True):
            by_group.setdefault(mode.group, []).append(literal)
        for (_, mode), literal in zip(self._modes[parent], self.chosen[parent], strict=True):
            self.cp.add_bool_or([*by_group.get(mode.group, ()), literal.negated(), together.negated()])
        if not self._problem.links_differ:
            arrives = self._end[parent] + _dot(self.chosen[parent], [mode.lag for _, mode in self._modes[parent]])
            self.cp.add(self.start[child] >= arrives).only_enforce_if(together.negated())
            return
        for group, literals in by_group.items():
            arrives = self._end[parent] + _dot(
                self.chosen[parent], [mode.lag_to(group) for _, mode in self._modes[parent]]
            )
            for literal in literals:
                self.cp.add(self.start[child] >= arrives).only_enforce_if([together.negated(), literal])

    def _add_groups(self) -> None:
        occupied: dict[int, list[tuple[int, int, ExecutionMode]]] = {}
        for step, mode in self._beside:
            occupied.setdefault(mode.group, []).append((self._known.start[step], self._known.end[step], mode))
        for index, group in enumerate(self._problem.groups):
            members = [(row, x, m) for row, x, m in self._all_modes() if m.group == index and m.duration and m.demand]
            spans = [self._span(row, x, mode.duration) for row, x, mode in members]
            count, times = len(group.nodes), group.profile.times
            free = [unpack(packed, self._problem.guard) for packed in group.profile.free]
            for dimension, capacity in enumerate(group.amounts):
                using = [
                    (span, mode.amounts[dimension])
                    for span, (_, _, mode) in zip(spans, members, strict=True)
                    if mode.amounts[dimension]
                ]
                others = [(at, end, mode.amounts[dimension]) for at, end, mode in occupied.get(index, ())]
                taken = [count * (capacity - amounts[dimension]) for amounts in free]
                others += _reserved(times, taken, self._known.makespan)
                self._add_capacity(using, others, capacity * count)

    def _add_limits(self) -> None:
        known, fixed = self._known, self._beside
        for index, limit in enumerate(self._problem.limits):
            using = [
                (self._span(row, x, mode.duration if use.hold is None else use.hold), use.amount)
                for row, x, mode in self._all_modes()
                for use in mode.uses
                if use.limit == index and mode.duration
            ]
            others = [
                (known.start[step], known.start[step] + (mode.duration if use.hold is None else use.hold), use.amount)
                for step, mode in fixed
                for use in mode.uses
                if use.limit == index and mode.duration
            ]
            taken = [limit.capacity - free for free in limit.profile.free]
            self._add_capacity(using, others + _reserved(limit.profile.times, taken, known.makespan), limit.capacity)

    def _add_capacity(
        self, using: Sequence[tuple[cp_model.IntervalVar, int]], others: list[_Span], capacity: int
    ) -> None:
        if not using:
            return
        blocks = list(_merge(others, self._since, self._until))
        fixed = [self.cp.new_fixed_size_interval_var(at, end - at, "occupied") for at, end, _ in blocks]
        amounts = [amount for _, amount in using] + [min(taken, capacity) for _, _, taken in blocks]
        self.cp.add_cumulative([span for span, _ in using] + fixed, amounts, capacity)

    def _add_objective(self, objective: IntegerObjective) -> None:
        literals = [x for _, x, _ in self._all_modes()]
        modes = [mode for _, _, mode in self._all_modes()]
        if objective.budget is not None:
            rows = zip(self._problem.modes, self._known.mode, strict=True)
            fixed = [row[index] for step, (row, index) in enumerate(rows) if step not in self._row]
            left = objective.budget - sum(objective.cost_units(mode.usd) for mode in fixed)
            self.cp.add(_dot(literals, [objective.cost_units(mode.usd) for mode in modes]) <= left)
        max_cost = sum(max(objective.objective_units(mode.usd) for _, mode in row) for row in self._modes)
        largest = objective.per_quantum * self._known.makespan + max_cost
        scale = max(1, min(round(len(self.destroyed) / _ENDS_WEIGHT), _LARGEST // (2 * largest + 1)))
        ends = cp_model.LinearExpr.sum(self._end)
        cost = _dot(literals, [scale * objective.objective_units(mode.usd) for mode in modes])
        self.cp.minimize(objective.per_quantum * (scale * self.makespan + ends) + cost)

    def _steps_beside(self) -> list[tuple[int, ExecutionMode]]:
        """(step, mode) of the steps that stay and may take capacity in the window of the destroyed ones."""
        known, beside = self._known, []
        for step, (modes, index) in enumerate(zip(self._problem.modes, known.mode, strict=True)):
            start, mode = known.start[step], modes[index]
            held = max([known.end[step], *(start + use.hold for use in mode.uses if use.hold is not None)])
            if start < self._until and held > self._since and step not in self._row:
                beside.append((step, mode))
        return beside

    def _all_modes(self) -> Iterable[tuple[int, cp_model.IntVar, ExecutionMode]]:
        for row, modes in enumerate(self._modes):
            for (_, mode), literal in zip(modes, self.chosen[row], strict=True):
                yield row, literal, mode

    def _span(self, row: int, literal: cp_model.IntVar, length: int) -> cp_model.IntervalVar:
        return self.cp.new_optional_fixed_size_interval_var(self.start[row], length, literal, "")


def _candidate_modes(problem: Problem, known: Schedule, step: int) -> list[tuple[int, ExecutionMode]]:
    """(index, mode): the non-dominated modes and the current one."""
    indices = sorted({*problem.mode_table.index[step], known.mode[step]})
    return [(index, problem.modes[step][index]) for index in indices]


def _reserved(times: Sequence[int], taken: Sequence[int], until: int) -> list[_Span]:
    ends = [*times[1:], max(until, times[-1]) + 1]
    return [(at, end, amount) for at, end, amount in zip(times, ends, taken, strict=True) if amount and end > at]


def _merge(spans: list[_Span], since: int, until: int) -> Iterable[_Span]:
    """Sum spans to pieces that do not overlap, within the window.

    Where there are many, a piece only counts what is occupied throughout; replaying corrects that.
    """
    changes: dict[int, int] = {}
    for start, end, amount in spans:
        at = max(start, since)
        if amount and at < until and end > at:
            changes[at] = changes.get(at, 0) + amount
            changes[end] = changes.get(end, 0) - amount
    changes_per_piece = max(1, len(changes) // _PIECES)
    least, taken = 0, 0
    last = piece_start = since
    for count, (at, change) in enumerate(sorted(changes.items()), 1):
        if at > last:
            least = min(least, taken) if last > piece_start else taken
        taken, last = taken + change, at
        if count % changes_per_piece == 0 or count == len(changes):
            if least and piece_start < min(at, until):
                yield piece_start, min(at, until), least
            piece_start, least = at, 0


def _window(known: Schedule, destroyed: Sequence[int]) -> tuple[int, int]:
    """The time window of the destroyed steps, extended by a quarter of its length on each side."""
    since, until = min(known.start[step] for step in destroyed), max(known.end[step] for step in destroyed)
    extra = (until - since) // 4
    return max(0, since - extra), min(known.makespan, until + extra)


def _dot(literals: Sequence[cp_model.IntVar], weights: Sequence[int]) -> cp_model.LinearExpr:
    return cp_model.LinearExpr.weighted_sum(literals, weights)
