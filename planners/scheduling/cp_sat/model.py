"""The scheduling problem as a CP-SAT model.

Each step has a start and one literal per mode; each mode has an optional interval of fixed length. The nodes of a group
share cumulative constraints with their total capacity. This relaxation is exact for groups of one node;
`planners.scheduling.cp_sat.solver` corrects it by replaying solutions node by node. Two steps in one group may always
count as being on the same node (no transfer), so the model's bound is a bound on the objective.
"""

from collections.abc import Sequence

from ortools.sat.python import cp_model

from planners.scheduling.cp_sat.integer_objective import IntegerObjective
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.resource_profile import ResourceProfile
from planners.scheduling.problem.units import unpack

# CP-SAT rejects constraints whose sums may reach 2^63.
_MAX_SUM = 1 << 62


class CpSatModel:
    """Variables and constraints. ``horizon`` is the latest end of any step: the deadline, or a known upper bound."""

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
        self._add_objective(objective)

    def hint(self, mode: Sequence[int], start: Sequence[int], node: Sequence[int]) -> None:
        """Start the search at a known schedule."""
        makespan = 0
        for step, index in enumerate(mode):
            self.cp.add_hint(self.start[step], start[step])
            for i, literal in enumerate(self.chosen[step]):
                self.cp.add_hint(literal, i == index)
            makespan = max(makespan, start[step] + self.problem.modes[step][index].duration)
        for (parent, child), together in self.together.items():
            self.cp.add_hint(together, node[parent] == node[child])
        self.cp.add_hint(self.makespan, makespan)

    def _add_steps(self) -> None:
        problem = self.problem
        shortest, tails = problem.min_durations, problem.min_tails
        heads = [0] * len(problem.steps)
        for step, modes in enumerate(problem.modes):
            may_run = any(mode.in_flight for mode in modes)
            heads[step] = 0 if may_run else max((heads[p] + shortest[p] for p in problem.parents[step]), default=0)
            latest = self.horizon - tails[step]
            self.start.append(self.cp.new_int_var(min(heads[step], latest), latest, f"start_{step}"))
            literals = [self.cp.new_bool_var(f"x_{step}_{i}") for i in range(len(modes))]
            self.cp.add_exactly_one(literals)
            self.chosen.append(literals)
            self._length.append(_dot(literals, [mode.duration for mode in modes]))
            self._add_requirements(literals, modes, self.start[-1])

    def _add_requirements(
        self, literals: Sequence[cp_model.IntVar], modes: Sequence[ExecutionMode], start: cp_model.IntVar
    ) -> None:
        for literal, mode in zip(literals, modes, strict=True):
            if mode.in_flight:
                self.cp.add(start == 0).only_enforce_if(literal)
            for other, allowed in mode.requires:
                self.cp.add_bool_or([self.chosen[other][i] for i in sorted(allowed)]).only_enforce_if(literal)

    def _add_precedence(self) -> None:
        problem = self.problem
        for child, parents in enumerate(problem.parents):
            running = [x for x, mode in zip(self.chosen[child], problem.modes[child], strict=True) if mode.in_flight]
            is_new = [literal.negated() for literal in running]
            for parent in parents:
                end = self.start[parent] + self._length[parent]
                self.cp.add(self.start[child] >= end).only_enforce_if(is_new)
                if any(mode.lag for mode in problem.modes[parent]):
                    self._add_transfer(parent, child, is_new)
            if not problem.children[child]:
                self.cp.add(self.makespan >= self.start[child] + self._length[child])
        for step, children in enumerate(problem.children):
            if children and any(mode.in_flight for child in children for mode in problem.modes[child]):
                self.cp.add(self.makespan >= self.start[step] + self._length[step])

    def _add_transfer(self, parent: int, child: int, is_new: Sequence[cp_model.BoolVarT]) -> None:
        """Unless both steps are together, the child waits for the transfer of its parent's output."""
        modes, end = self.problem.modes[parent], self.start[parent] + self._length[parent]
        apart = self._together(parent, child).negated()
        if not self.problem.links_differ:
            arrives = end + _dot(self.chosen[parent], [mode.lag for mode in modes])
            self.cp.add(self.start[child] >= arrives).only_enforce_if([*is_new, apart])
            return
        for group in range(len(self.problem.groups)):
            arrives = end + _dot(self.chosen[parent], [mode.lag_to(group) for mode in modes])
            for literal in self._in_group(child, group):
                self.cp.add(self.start[child] >= arrives).only_enforce_if([*is_new, apart, literal])

    def _together(self, parent: int, child: int) -> cp_model.IntVar:
        """A literal that may be true only if both steps are in one group."""
        together = self.cp.new_bool_var(f"together_{parent}_{child}")
        for group in range(len(self.problem.groups)):
            in_parent, in_child = self._in_group(parent, group), self._in_group(child, group)
            for literal in in_parent:
                self.cp.add_bool_or([*in_child, literal.negated(), together.negated()])
        self.together[parent, child] = together
        return together

    def _in_group(self, step: int, group: int) -> list[cp_model.IntVar]:
        return [x for x, mode in zip(self.chosen[step], self.problem.modes[step], strict=True) if mode.group == group]

    def _add_group(self, index: int) -> None:
        group = self.problem.groups[index]
        members = [
            (step, self.chosen[step][i], mode)
            for step, modes in enumerate(self.problem.modes)
            for i, mode in enumerate(modes)
            if mode.group == index and mode.duration and mode.demand
        ]
        intervals = {
            (step, literal.index): self.cp.new_optional_fixed_size_interval_var(
                self.start[step], mode.duration, literal, f"on_{index}_{step}_{literal.index}"
            )
            for step, literal, mode in members
        }
        count = len(group.nodes)
        pieces = _reserved_pieces(group.profile, self.horizon)
        for dimension, capacity in enumerate(group.amounts):
            using = [member for member in members if member[2].amounts[dimension]]
            if not using:
                continue
            demands = [mode.amounts[dimension] for _, _, mode in using]
            spans = [intervals[step, literal.index] for step, literal, _ in using]
            reserved = [(at, end, capacity - unpack(free, self.problem.guard)[dimension]) for at, end, free in pieces]
            reserved = [(at, end, taken * count) for at, end, taken in reserved if taken > 0]
            blocks = [self.cp.new_fixed_size_interval_var(at, end - at, "reserved") for at, end, _ in reserved]
            amounts = demands + [taken for _, _, taken in reserved]
            self.cp.add_cumulative(spans + blocks, amounts, capacity * count)
            if count > 1:
                self._add_large(using, spans, dimension, capacity, count)
            energy = [mode.duration * need for (_, _, mode), need in zip(using, demands, strict=True)]
            literals = [literal for _, literal, _ in using]
            # Only strengthens the bound, so it is left out if the sum could overflow (a node reserved for years).
            if capacity * count * self.horizon + sum(energy) < _MAX_SUM:
                self.cp.add(_dot(literals, energy) <= capacity * count * self.makespan)

    def _add_large(
        self,
        using: Sequence[tuple[int, cp_model.IntVar, ExecutionMode]],
        spans: Sequence[cp_model.IntervalVar],
        dimension: int,
        capacity: int,
        count: int,
    ) -> None:
        """Each node runs one demand above half its capacity at a time; the relaxation would split it over nodes."""
        large = [span for span, member in zip(spans, using, strict=True) if 2 * member[2].amounts[dimension] > capacity]
        if len(large) > count:
            self.cp.add_cumulative(large, [1] * len(large), count)

    def _add_limit(self, index: int) -> None:
        limit = self.problem.limits[index]
        spans: list[cp_model.IntervalVar] = []
        amounts: list[int] = []
        for step, modes in enumerate(self.problem.modes):
            for literal, mode in zip(self.chosen[step], modes, strict=True):
                for use in mode.uses:
                    length = mode.duration if use.hold is None else use.hold
                    if use.limit == index and mode.duration and length:
                        name = f"limit_{index}_{step}_{literal.index}"
                        start = self.start[step]
                        spans.append(self.cp.new_optional_fixed_size_interval_var(start, length, literal, name))
                        amounts.append(use.amount)
        for at, end, free in _reserved_pieces(limit.profile, self.horizon):
            spans.append(self.cp.new_fixed_size_interval_var(at, end - at, "reserved"))
            amounts.append(limit.capacity - free)
        if spans:
            self.cp.add_cumulative(spans, amounts, limit.capacity)

    def _add_objective(self, objective: IntegerObjective) -> None:
        literals = [literal for row in self.chosen for literal in row]
        modes = [mode for row in self.problem.modes for mode in row]
        if objective.budget is not None:
            spent = _dot(literals, [objective.cost_units(mode.usd) for mode in modes])
            self.cp.add(spent <= objective.budget)
        cost = _dot(literals, [objective.objective_units(mode.usd) for mode in modes])
        self.cp.minimize(objective.per_quantum * self.makespan + cost)


def _dot(literals: Sequence[cp_model.IntVar], weights: Sequence[int]) -> cp_model.LinearExpr:
    return cp_model.LinearExpr.weighted_sum(literals, weights)


def _reserved_pieces(profile: ResourceProfile, horizon: int) -> list[tuple[int, int, int]]:
    """(from, to, free) of every piece before the horizon in which something is reserved."""
    capacity = profile.free[-1]
    ends = [*profile.times[1:], horizon]
    pieces = zip(profile.times, ends, profile.free, strict=True)
    return [(at, min(end, horizon), free) for at, end, free in pieces if free != capacity and at < horizon]
