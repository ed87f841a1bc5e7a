"""The scheduling problem as a CP-SAT model.

Per step a start and one literal per choice; per choice an optional interval of fixed length. Nodes of a group share
cumulative constraints with the capacity of all of them together: a relaxation that is exact for one node a group, and
that `planners.scheduling.cp_sat.solver` corrects by replaying solutions node by node. Two steps of one group may always
count as being on the same node (no transfer), so the bound stays a bound.
"""

from collections.abc import Sequence

from ortools.sat.python import cp_model

from planners.scheduling.cp_sat.integer_objective import IntegerObjective
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.resource_profile import Profile
from planners.scheduling.problem.units import fields

# CP-SAT refuses constraints whose sums may reach 2^63.
_COUNTABLE = 1 << 62


class CpSatModel:
    """Variables and constraints. ``horizon``: no step ends later (a deadline, or what a known schedule reaches)."""

    def __init__(self, problem: Problem, objective: IntegerObjective, horizon: int) -> None:
        self.cp = cp_model.CpModel()
        self.problem, self.horizon = problem, horizon
        self.start: list[cp_model.IntVar] = []
        self.chosen: list[list[cp_model.IntVar]] = []
        self._length: list[cp_model.LinearExpr] = []
        self._add_steps()
        self.makespan = self.cp.new_int_var(0, horizon, "makespan")
        self.together: dict[tuple[int, int], cp_model.IntVar] = {}
        self._add_precedence()
        for group in range(len(problem.groups)):
            self._add_group(group)
        for limit in range(len(problem.limits)):
            self._add_limit(limit)
        self._add_dollars(objective)

    def hint(self, choice: Sequence[int], start: Sequence[int], node: Sequence[int]) -> None:
        """Start the search at a known schedule."""
        ends = 0
        for step, index in enumerate(choice):
            self.cp.add_hint(self.start[step], start[step])
            for i, literal in enumerate(self.chosen[step]):
                self.cp.add_hint(literal, i == index)
            ends = max(ends, start[step] + self.problem.choices[step][index].duration)
        for (parent, child), together in self.together.items():
            self.cp.add_hint(together, node[parent] == node[child])
        self.cp.add_hint(self.makespan, ends)

    def _add_steps(self) -> None:
        problem = self.problem
        shortest, tails = problem.least_durations, problem.least_tails
        heads = [0] * len(problem.steps)
        for step, choices in enumerate(problem.choices):
            begun = any(choice.in_flight for choice in choices)
            heads[step] = 0 if begun else max((heads[p] + shortest[p] for p in problem.parents[step]), default=0)
            latest = self.horizon - tails[step]
            self.start.append(self.cp.new_int_var(min(heads[step], latest), latest, f"start_{step}"))
            literals = [self.cp.new_bool_var(f"x_{step}_{i}") for i in range(len(choices))]
            self.cp.add_exactly_one(literals)
            self.chosen.append(literals)
            durations = [choice.duration for choice in choices]
            self._length.append(_dot(literals, durations))
            self._add_requirements(literals, choices, self.start[-1])

    def _add_requirements(
        self, literals: Sequence[cp_model.IntVar], choices: Sequence[ExecutionMode], start: cp_model.IntVar
    ) -> None:
        for literal, choice in zip(literals, choices, strict=True):
            if choice.in_flight:
                self.cp.add(start == 0).only_enforce_if(literal)
            for other, allowed in choice.requires:
                self.cp.add_bool_or([self.chosen[other][i] for i in sorted(allowed)]).only_enforce_if(literal)

    def _add_precedence(self) -> None:
        problem = self.problem
        for child, parents in enumerate(problem.parents):
            begun = [x for x, c in zip(self.chosen[child], problem.choices[child], strict=True) if c.in_flight]
            for parent in parents:
                end = self.start[parent] + self._length[parent]
                lags = [choice.lag for choice in problem.choices[parent]]
                apart = end + _dot(self.chosen[parent], lags)
                waits = [literal.negated() for literal in begun]
                if not any(lags):
                    self.cp.add(self.start[child] >= end).only_enforce_if(waits)
                    continue
                together = self._together(parent, child)
                self.cp.add(self.start[child] >= end).only_enforce_if(waits)
                self.cp.add(self.start[child] >= apart).only_enforce_if([*waits, together.negated()])
            if not problem.children[child]:
                self.cp.add(self.makespan >= self.start[child] + self._length[child])
        for step, children in enumerate(problem.children):
            if children and any(choice.in_flight for child in children for choice in problem.choices[child]):
                self.cp.add(self.makespan >= self.start[step] + self._length[step])

    def _together(self, parent: int, child: int) -> cp_model.IntVar:
        """A literal that may be true only if both steps are on one node (or in one group)."""
        together = self.cp.new_bool_var(f"together_{parent}_{child}")
        for group in range(len(self.problem.groups)):
            mine, theirs = self._in_group(parent, group), self._in_group(child, group)
            for literal in mine:
                self.cp.add_bool_or([*theirs, literal.negated(), together.negated()])
        self.together[parent, child] = together
        return together

    def _in_group(self, step: int, group: int) -> list[cp_model.IntVar]:
        return [x for x, c in zip(self.chosen[step], self.problem.choices[step], strict=True) if c.group == group]

    def _add_group(self, index: int) -> None:
        group = self.problem.groups[index]
        members = [
            (step, self.chosen[step][i], choice)
            for step, choices in enumerate(self.problem.choices)
            for i, choice in enumerate(choices)
            if choice.group == index and choice.duration and choice.demand
        ]
        intervals = {
            (step, literal.index): self.cp.new_optional_fixed_size_interval_var(
                self.start[step], choice.duration, literal, f"on_{index}_{step}_{literal.index}"
            )
            for step, literal, choice in members
        }
        count = len(group.nodes)
        held = _held_pieces(group.profile, self.horizon)
        for dimension, capacity in enumerate(group.amounts):
            using = [member for member in members if member[2].amounts[dimension]]
            if not using:
                continue
            demands = [choice.amounts[dimension] for _, _, choice in using]
            spans = [intervals[step, literal.index] for step, literal, _ in using]
            fixed = [(at, end, capacity - fields(free, self.problem.guard)[dimension]) for at, end, free in held]
            fixed = [(at, end, taken * count) for at, end, taken in fixed if taken > 0]
            blocks = [self.cp.new_fixed_size_interval_var(at, end - at, "held") for at, end, _ in fixed]
            amounts = demands + [taken for _, _, taken in fixed]
            self.cp.add_cumulative(spans + blocks, amounts, capacity * count)
            if count > 1:
                self._add_large(using, spans, dimension, capacity, count)
            energy = [choice.duration * need for (_, _, choice), need in zip(using, demands, strict=True)]
            literals = [literal for _, literal, _ in using]
            # It only helps the bound, so it is left out where it could not be counted (others hold a node for years).
            if capacity * count * self.horizon + sum(energy) < _COUNTABLE:
                self.cp.add(_dot(literals, energy) <= capacity * count * self.makespan)

    def _add_large(
        self,
        using: Sequence[tuple[int, cp_model.IntVar, ExecutionMode]],
        spans: Sequence[cp_model.IntervalVar],
        dimension: int,
        capacity: int,
        count: int,
    ) -> None:
        """Of demands above half a node, each node holds one at a time: the relaxation would split them over nodes."""
        large = [span for span, member in zip(spans, using, strict=True) if 2 * member[2].amounts[dimension] > capacity]
        if len(large) > count:
            self.cp.add_cumulative(large, [1] * len(large), count)

    def _add_limit(self, index: int) -> None:
        limit = self.problem.limits[index]
        spans: list[cp_model.IntervalVar] = []
        amounts: list[int] = []
        for step, choices in enumerate(self.problem.choices):
            for literal, choice in zip(self.chosen[step], choices, strict=True):
                for use in choice.uses:
                    length = choice.duration if use.hold is None else use.hold
                    if use.limit == index and choice.duration and length:
                        name = f"limit_{index}_{step}_{literal.index}"
                        start = self.start[step]
                        spans.append(self.cp.new_optional_fixed_size_interval_var(start, length, literal, name))
                        amounts.append(use.amount)
        for at, end, free in _held_pieces(limit.profile, self.horizon):
            spans.append(self.cp.new_fixed_size_interval_var(at, end - at, "held"))
            amounts.append(limit.capacity - free)
        if spans:
            self.cp.add_cumulative(spans, amounts, limit.capacity)

    def _add_dollars(self, objective: IntegerObjective) -> None:
        literals = [literal for of in self.chosen for literal in of]
        choices = [choice for of in self.problem.choices for choice in of]
        if objective.budget is not None:
            spent = _dot(literals, [objective.nano_usd(choice.usd) for choice in choices])
            self.cp.add(spent <= objective.budget)
        cost = _dot(literals, [objective.of_usd(choice.usd) for choice in choices])
        self.cp.minimize(objective.per_quantum * self.makespan + cost)


def _dot(literals: Sequence[cp_model.IntVar], weights: Sequence[int]) -> cp_model.LinearExpr:
    return cp_model.LinearExpr.weighted_sum(literals, weights)


def _held_pieces(profile: Profile, horizon: int) -> list[tuple[int, int, int]]:
    """(from, to, free) of every piece in which something is reserved, as far as the horizon."""
    full = profile.free[-1]
    ends = [*profile.times[1:], horizon]
    pieces = zip(profile.times, ends, profile.free, strict=True)
    return [(at, min(end, horizon), free) for at, end, free in pieces if free != full and at < horizon]
