"""The scheduling problem in whole numbers: what every scheduler here reads, and none of them changes.

Time counts in quanta of one millisecond (coarser only when all work together would exceed 10^9 ms); durations and
transfers round up. Amounts of a node's resources count in units of their greatest common divisor and are packed into
one integer per node (`planners.scheduling.problem.units`), so one subtraction tells whether a demand fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from planners.model import NodeId
from planners.scheduling.problem.modes import ExecutionMode, ModeTable
from planners.scheduling.problem.resource_profile import Profile
from planners.tasks import Objective
from planners.workflow import FlatWorkflow, Step


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that no plan can tell apart: same class, totals, speed, warm agents, reservations, nothing in flight."""

    nodes: tuple[int, ...]
    amounts: tuple[int, ...]
    profile: Profile


@dataclass(frozen=True, slots=True)
class Limit:
    """A capacity shared by calls wherever they run: a provider's or an agent's."""

    name: str
    capacity: int
    profile: Profile


@dataclass(frozen=True)
class Problem:
    """Steps in topological order by index, their choices, and everything that bounds them."""

    flat: FlatWorkflow
    steps: tuple[Step, ...]
    parents: tuple[tuple[int, ...], ...]
    children: tuple[tuple[int, ...], ...]
    choices: tuple[tuple[ExecutionMode, ...], ...]
    nodes: tuple[NodeId, ...]
    groups: tuple[Group, ...]
    group_of: tuple[int, ...]
    limits: tuple[Limit, ...]
    guard: int
    objective: Objective
    deadline: int | None
    budget_usd: float | None
    quantum_s: float
    min_usd: tuple[float, ...]
    # Steps whose fresh choices are the same agents on the same groups, in the same order.
    kinds: tuple[tuple[int, ...], ...]

    @cached_property
    def options(self) -> ModeTable:
        """What list scheduling chooses from."""
        return ModeTable(self.choices, self.kinds)

    @cached_property
    def least_durations(self) -> list[int]:
        """Per step, the shortest duration of any choice."""
        return [min([choice.duration for choice in of]) for of in self.choices]

    @cached_property
    def least_tails(self) -> list[int]:
        """Per step, the longest path from its start to the end were every step done its fastest way."""
        return self.tails(self.least_durations)

    @cached_property
    def any_in_flight(self) -> bool:
        """Whether any step may go on with an attempt in flight; these choices come last."""
        return any(of[-1].in_flight for of in self.choices)

    @cached_property
    def obliged(self) -> dict[int, int]:
        """Step -> the attempt in flight it must go on with: it has no other choice, or one that has none read it."""
        asked: dict[int, frozenset[int]] = {}
        found: dict[int, int] = {}
        for step in range(len(self.steps) - 1, -1, -1):
            of = self.choices[step]
            allowed = asked.get(step, range(len(of)) if of[0].in_flight else ())
            running = [index for index in allowed if of[index].in_flight]
            if not running:
                continue
            found[step] = index = min(running, key=lambda i: (of[i].duration, i))
            for other, those in of[index].requires:
                asked[other] = (asked.get(other, those) & those) or those
        return found

    @cached_property
    def fresh_usd(self) -> tuple[list[float], list[float]]:
        """Per step, the least dollars of a new attempt, and what lies between these and the most that it may cost."""
        least = [min(c.usd for c in of if not c.in_flight or of[0].in_flight) for of in self.choices]
        return least, [max(c.usd for c in of) - cheap for of, cheap in zip(self.choices, least, strict=True)]

    @cached_property
    def mean_durations(self) -> list[float]:
        """Per step, the mean duration over its agents and all nodes they fit."""
        means: list[float] = [0.0] * len(self.steps)
        for kind in self.kinds:
            fresh = [choice for choice in self.choices[kind[0]] if not choice.in_flight]
            sizes = np.array([len(self.groups[choice.group].nodes) for choice in fresh])
            for step in kind if fresh else ():
                means[step] = float(sizes @ [c.duration for c in self.choices[step][: len(fresh)]] / sizes.sum())
        return means

    def value(self, makespan: int, usd: float) -> float:
        """latency_weight * makespan_s + usd_weight * dollars."""
        return self.objective.latency_weight * makespan * self.quantum_s + self.objective.usd_weight * usd

    def path_bound(self) -> float:
        """A lower bound on the objective at no cost: the longest path at each step's best, and each step's least price.

        Where a list schedule meets it (a chain, a fan-out with room), that schedule is optimal and nothing need be
        searched.
        """
        return self.value(max(self.least_tails, default=0), sum(self.min_usd))

    def tails(self, durations: Sequence[int]) -> list[int]:
        """Per step: the longest path from its start to the end of the workflow, transfers left out."""
        tails = list(durations)
        for step in range(len(self.steps) - 1, -1, -1):
            if children := self.children[step]:
                tails[step] += max([tails[child] for child in children])
        return tails
