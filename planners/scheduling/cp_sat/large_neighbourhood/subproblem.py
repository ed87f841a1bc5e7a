"""A part of a schedule as a CP-SAT model of its own: freed steps have all their options, all else stands.

What stands holds its capacity as blocks of time. Steps that follow a freed one ask for it by the way they have to go
from their start to the end of the schedule as it is, so the model's makespan is that of the whole if what follows
moved ahead as one. Nodes of a group share their capacity, as in `planners.scheduling.cp_sat.model`; replaying
corrects that.
"""

from collections.abc import Iterable, Sequence

from ortools.sat.python import cp_model

from planners.scheduling.cp_sat.integer_objective import IntegerObjective
from planners.scheduling.list_scheduling.partial_schedule import Schedule
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.units import fields

_Span = tuple[int, int, int]
# What all ends together count, as a share of what the makespan does: room made is room for those after.
_EAGER = 0.02
_LARGEST = 10**17
# Pieces of time in which what stands of a resource is told apart; CP-SAT slows down with their number.
_PIECES = 24


class Subproblem:
    """Variables and constraints of the freed steps of a schedule."""

    def __init__(self, problem: Problem, known: Schedule, free: Sequence[int], objective: IntegerObjective) -> None:
        self.cp = cp_model.CpModel()
        self.free = free
        self._problem, self._known = problem, known
        self._row = {step: row for row, step in enumerate(free)}
        self._options = [_options(problem, known, step) for step in free]
        self.makespan = self.cp.new_int_var(0, known.makespan, "makespan")
        self.cp.add_hint(self.makespan, known.makespan)
        self._since, self._until = _span(known, free)
        self.start = [self.cp.new_int_var(self._since, self._until, f"start_{step}") for step in free]
        self.chosen = [
            [self.cp.new_bool_var(f"x_{s}_{i}") for i, _ in of] for s, of in zip(free, self._options, strict=True)
        ]
        self._end: list[cp_model.LinearExpr] = []
        for row, step in enumerate(free):
            self._add_step(row, step)
        for row, step in enumerate(free):
            self._add_order(row, step)
        self._add_groups()
        self._add_limits()
        self._add_objective(objective)

    def solution(self, solver: cp_model.CpSolver) -> tuple[list[int], list[int]]:
        """(choice, start) of each freed step."""
        choice = [
            next(index for (index, _), x in zip(of, literals, strict=True) if solver.boolean_value(x))
            for of, literals in zip(self._options, self.chosen, strict=True)
        ]
        return choice, [solver.value(start) for start in self.start]

    def _add_step(self, row: int, step: int) -> None:
        self.cp.add_exactly_one(self.chosen[row])
        durations = [choice.duration for _, choice in self._options[row]]
        self._end.append(self.start[row] + _dot(self.chosen[row], durations))
        self.cp.add(self.makespan >= self._end[row])
        self.cp.add(self._end[row] <= self._until)
        self.cp.add_hint(self.start[row], self._known.start[step])
        for (index, _), literal in zip(self._options[row], self.chosen[row], strict=True):
            self.cp.add_hint(literal, index == self._known.choice[step])

    def _add_order(self, row: int, step: int) -> None:
        problem, known = self._problem, self._known
        for parent in problem.parents[step]:
            made = problem.choices[parent][known.choice[parent]]
            if parent in self._row:
                self._add_pair(self._row[parent], row)
            else:
                far = [0 if choice.group == made.group else made.lag for _, choice in self._options[row]]
                self.cp.add(self.start[row] >= known.end[parent] + _dot(self.chosen[row], far))
        for child in problem.children[step]:
            reads = problem.choices[child][known.choice[child]]
            if child not in self._row and not reads.in_flight:
                far = [0 if choice.group == reads.group else choice.lag for _, choice in self._options[row]]
                onward = known.makespan - known.start[child]
                self.cp.add(self.makespan >= self._end[row] + _dot(self.chosen[row], far) + onward)

    def _add_pair(self, parent: int, child: int) -> None:
        """A freed step after a freed one: outputs have to travel unless both are in one group."""
        lags = [choice.lag for _, choice in self._options[parent]]
        self.cp.add(self.start[child] >= self._end[parent])
        if not any(lags):
            return
        together = self.cp.new_bool_var(f"together_{parent}_{child}")
        one, other = self.free[parent], self.free[child]
        self.cp.add_hint(together, self._known.node[one] == self._known.node[other])
        theirs: dict[int, list[cp_model.IntVar]] = {}
        for (_, choice), literal in zip(self._options[child], self.chosen[child], strict=True):
            theirs.setdefault(choice.group, []).append(literal)
        for (_, choice), literal in zip(self._options[parent], self.chosen[parent], strict=True):
            self.cp.add_bool_or([*theirs.get(choice.group, ()), literal.negated(), together.negated()])
        apart = self._end[parent] + _dot(self.chosen[parent], lags)
        self.cp.add(self.start[child] >= apart).only_enforce_if(together.negated())

    def _add_groups(self) -> None:
        standing = [step for step in range(len(self._problem.steps)) if step not in self._row]
        held: dict[int, list[tuple[int, int, ExecutionMode]]] = {}
        for step in standing:
            choice = self._problem.choices[step][self._known.choice[step]]
            held.setdefault(choice.group, []).append((self._known.start[step], self._known.end[step], choice))
        for index, group in enumerate(self._problem.groups):
            mine = [(row, x, c) for row, x, c in self._all() if c.group == index and c.duration and c.demand]
            spans = [self._span(row, x, c.duration) for row, x, c in mine]
            count, times = len(group.nodes), group.profile.times
            free = [fields(packed, self._problem.guard) for packed in group.profile.free]
            for dimension, capacity in enumerate(group.amounts):
                using = [
                    (span, c.amounts[dimension])
                    for span, (_, _, c) in zip(spans, mine, strict=True)
                    if c.amounts[dimension]
                ]
                others = [(at, end, c.amounts[dimension]) for at, end, c in held.get(index, ())]
                others += _reserved(times, [count * (capacity - of[dimension]) for of in free], self._known.makespan)
                self._add_capacity(using, others, capacity * count)

    def _add_limits(self) -> None:
        problem, known = self._problem, self._known
        standing = [(s, problem.choices[s][known.choice[s]]) for s in range(len(problem.steps)) if s not in self._row]
        for index, limit in enumerate(problem.limits):
            using = [
                (self._span(row, x, c.duration if use.hold is None else use.hold), use.amount)
                for row, x, c in self._all()
                for use in c.uses
                if use.limit == index and c.duration
            ]
            others = [
                (known.start[s], known.start[s] + (c.duration if use.hold is None else use.hold), use.amount)
                for s, c in standing
                for use in c.uses
                if use.limit == index and c.duration
            ]
            taken = [limit.capacity - free for free in limit.profile.free]
            self._add_capacity(using, others + _reserved(limit.profile.times, taken, known.makespan), limit.capacity)

    def _add_capacity(
        self, using: Sequence[tuple[cp_model.IntervalVar, int]], others: list[_Span], capacity: int
    ) -> None:
        if not using:
            return
        blocks = list(_summed(others, self._since, self._until))
        fixed = [self.cp.new_fixed_size_interval_var(at, end - at, "held") for at, end, _ in blocks]
        amounts = [amount for _, amount in using] + [min(taken, capacity) for _, _, taken in blocks]
        self.cp.add_cumulative([span for span, _ in using] + fixed, amounts, capacity)

    def _add_objective(self, objective: IntegerObjective) -> None:
        literals = [x for _, x, _ in self._all()]
        choices = [choice for _, _, choice in self._all()]
        if objective.budget is not None:
            known = (self._problem.choices[s][c] for s, c in enumerate(self._known.choice) if s not in self._row)
            left = objective.budget - sum(objective.nano_usd(choice.usd) for choice in known)
            self.cp.add(_dot(literals, [objective.nano_usd(choice.usd) for choice in choices]) <= left)
        dearest = sum(max(objective.of_usd(choice.usd) for _, choice in of) for of in self._options)
        most = objective.per_quantum * self._known.makespan + dearest
        whole = max(1, min(round(len(self.free) / _EAGER), _LARGEST // (2 * most + 1)))
        ends = cp_model.LinearExpr.sum(self._end)
        cost = _dot(literals, [whole * objective.of_usd(choice.usd) for choice in choices])
        self.cp.minimize(objective.per_quantum * (whole * self.makespan + ends) + cost)

    def _all(self) -> Iterable[tuple[int, cp_model.IntVar, ExecutionMode]]:
        for row, of in enumerate(self._options):
            for (_, choice), literal in zip(of, self.chosen[row], strict=True):
                yield row, literal, choice

    def _span(self, row: int, literal: cp_model.IntVar, length: int) -> cp_model.IntervalVar:
        return self.cp.new_optional_fixed_size_interval_var(self.start[row], length, literal, "")


def _options(problem: Problem, known: Schedule, step: int) -> list[tuple[int, ExecutionMode]]:
    """(index, choice): what no other dominates, and what the step has."""
    indices = sorted({*problem.options.index[step], known.choice[step]})
    return [(index, problem.choices[step][index]) for index in indices]


def _reserved(times: Sequence[int], taken: Sequence[int], until: int) -> list[_Span]:
    ends = [*times[1:], max(until, times[-1]) + 1]
    return [(at, end, amount) for at, end, amount in zip(times, ends, taken, strict=True) if amount and end > at]


def _summed(spans: list[_Span], since: int, until: int) -> Iterable[_Span]:
    """The spans added up to pieces that do not overlap, from ``since`` as far as ``until``; of many pieces only what is
    taken throughout, for replaying tells.
    """
    changes: dict[int, int] = {}
    for begin, end, amount in spans:
        at = max(begin, since)
        if amount and at < until and end > at:
            changes[at] = changes.get(at, 0) + amount
            changes[end] = changes.get(end, 0) - amount
    coarse = max(1, len(changes) // _PIECES)
    least, taken = 0, 0
    last = begun = since
    for count, (at, change) in enumerate(sorted(changes.items()), 1):
        if at > last:
            least = min(least, taken) if last > begun else taken
        taken, last = taken + change, at
        if count % coarse == 0 or count == len(changes):
            if least and begun < min(at, until):
                yield begun, min(at, until), least
            begun, least = at, 0


def _span(known: Schedule, free: Sequence[int]) -> tuple[int, int]:
    """From when until when freed steps may run: what they take now, and as much again as a quarter of that around."""
    since, until = min(known.start[step] for step in free), max(known.end[step] for step in free)
    more = (until - since) // 4
    return max(0, since - more), min(known.makespan, until + more)


def _dot(literals: Sequence[cp_model.IntVar], weights: Sequence[int]) -> cp_model.LinearExpr:
    return cp_model.LinearExpr.weighted_sum(literals, weights)
