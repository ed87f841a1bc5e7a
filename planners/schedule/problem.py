"""The scheduling problem in whole numbers: what every scheduler here reads, and none of them changes.

Time counts in quanta of one millisecond (coarser only when all work together would exceed 10^9 ms); durations and
transfers round up. Amounts of a node's resources count in units of their greatest common divisor and are packed into
one integer per node (`planners.schedule.units`), so one subtraction tells whether a demand fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from planners.agents import AgentSpec
from planners.model import NodeId
from planners.schedule.timetable import Profile
from planners.tasks import Objective
from planners.workflow import FlatWorkflow, Step


class Use(NamedTuple):
    """What one call takes of a shared limit: ``amount`` for ``hold`` quanta from its start, None: while it runs."""

    limit: int
    amount: int
    hold: int | None


class Choice(NamedTuple):
    """One way to do a step: an agent on any node of a group.

    ``requires``: (step, choices of it) pairs that must hold too; only work in flight has any, for it is the same work
    only if its data parents are. ``in_flight`` choices start at 0 whatever their parents do: they have begun.
    """

    agent: AgentSpec
    group: int
    duration: int
    usd: float
    lag: int
    demand: int
    amounts: tuple[int, ...]
    uses: tuple[Use, ...] = ()
    in_flight: bool = False
    requires: tuple[tuple[int, frozenset[int]], ...] = ()


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
    choices: tuple[tuple[Choice, ...], ...]
    nodes: tuple[NodeId, ...]
    groups: tuple[Group, ...]
    group_of: tuple[int, ...]
    limits: tuple[Limit, ...]
    guard: int
    objective: Objective
    deadline: int | None
    budget_usd: float | None
    quantum_s: float
    min_usd: tuple[float, ...] = field(default=())

    def value(self, makespan: int, usd: float) -> float:
        """latency_weight * makespan_s + usd_weight * dollars."""
        return self.objective.latency_weight * makespan * self.quantum_s + self.objective.usd_weight * usd

    def path_bound(self) -> float:
        """A lower bound on the objective at no cost: the longest path at each step's best, and each step's least price.

        Where a list schedule meets it (a chain, a fan-out with room), that schedule is optimal and nothing need be
        searched.
        """
        quickest = [min(choice.duration for choice in of) for of in self.choices]
        return self.value(int(max(self.tails(quickest), default=0)), sum(self.min_usd))

    def tails(self, durations: Sequence[float]) -> list[float]:
        """Per step: the longest path from its start to the end of the workflow, transfers left out."""
        tails = list(durations)
        for step in range(len(self.steps) - 1, -1, -1):
            tails[step] += max((tails[child] for child in self.children[step]), default=0)
        return tails
