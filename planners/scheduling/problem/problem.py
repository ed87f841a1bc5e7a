"""The scheduling problem in integers. Every scheduler reads it, none changes it.

Time counts in quanta of one millisecond (coarser only when all work together would exceed 10^9 ms); durations and
transfers round up. Resource amounts count in units of their greatest common divisor and are packed into one integer
per node (`planners.scheduling.problem.units`), so one subtraction tells whether a demand fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planners.agents import AgentSpec
from planners.model import NodeId
from planners.scheduling.problem.mode_table import ModeTable
from planners.scheduling.problem.resource_profile import ResourceProfile
from planners.scheduling.problem.step_modes import StepModes
from planners.tasks import Objective
from planners.workflow import FlatWorkflow, Step


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Interchangeable nodes: same class, totals, speed, warm agents, reservations and links, and nothing in flight."""

    nodes: tuple[int, ...]
    amounts: tuple[int, ...]
    profile: ResourceProfile


@dataclass(frozen=True, slots=True)
class SharedLimit:
    """A capacity that calls share on all nodes: a limit of a provider, an agent (``of_agents``) or a fan-out."""

    name: str
    capacity: int
    profile: ResourceProfile
    of_agents: bool = True


@dataclass(frozen=True)
class Problem:
    """Steps by index in topological order, their modes, the node groups, and all limits."""

    flat: FlatWorkflow
    steps: tuple[Step, ...]
    parents: tuple[tuple[int, ...], ...]
    children: tuple[tuple[int, ...], ...]
    modes: StepModes
    nodes: tuple[NodeId, ...]
    groups: tuple[NodeGroup, ...]
    group_of: tuple[int, ...]
    limits: tuple[SharedLimit, ...]
    guard: int
    objective: Objective
    deadline: int | None
    budget_usd: float | None
    quantum_s: float
    min_usd: tuple[float, ...]

    @cached_property
    def mode_table(self) -> ModeTable:
        """The modes that list scheduling chooses from."""
        return ModeTable(self.modes)

    @cached_property
    def derived(self) -> dict[type, Any]:
        """What other modules derive from the problem, by type: kept as long as the problem."""
        return {}

    @cached_property
    def min_durations(self) -> list[int]:
        """Per step, the shortest duration of any mode."""
        return self.modes.least_durations()

    @cached_property
    def min_tails(self) -> list[int]:
        """Per step, the longest path from its start to the end if every step used its fastest mode."""
        return self.tails(self.min_durations)

    @cached_property
    def positions(self) -> list[int]:
        """The position of each node in its group."""
        position = {node: at for group in self.groups for at, node in enumerate(group.nodes)}
        return [position[node] for node in range(len(self.nodes))]

    @cached_property
    def has_in_flight(self) -> bool:
        """Whether any step may continue an attempt in flight; in-flight modes come last."""
        return bool(self.modes.in_flight)

    @cached_property
    def links_differ(self) -> bool:
        """Whether transfer times depend on the nodes; otherwise any two nodes have the same link."""
        return any(mode.lags for mode in self.modes.kinds())

    @cached_property
    def forced_in_flight(self) -> dict[int, int]:
        """Step -> the in-flight mode it must use: it has no other mode, or another forced mode requires it."""
        required: dict[int, frozenset[int]] = {}
        forced: dict[int, int] = {}
        for step in range(len(self.steps) - 1, -1, -1):
            modes = self.modes[step]
            allowed = required.get(step, range(len(modes)) if modes[0].in_flight else ())
            running = [index for index in allowed if modes[index].in_flight]
            if not running:
                continue
            forced[step] = index = min(running, key=lambda i: (modes[i].duration, i))
            for other, indices in modes[index].requires:
                required[other] = (required.get(other, indices) & indices) or indices
        return forced

    @cached_property
    def new_attempt_usd(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Per step, the least cost of a new attempt (of any where there is none), and how much the dearest adds."""
        new, (least, most) = self.modes.new_usd(), self.modes.usd_ranges()
        usd = np.where(np.isfinite(new), new, least)
        return usd, most - usd

    @cached_property
    def needs_in_flight(self) -> bool:
        """Whether the budget does not suffice for a new attempt of every step."""
        return self.budget_usd is not None and self.budget_usd < sum(self.new_attempt_usd[0].tolist())

    @cached_property
    def in_flight_savings(self) -> list[list[float]]:
        """Per mode, an estimate of what it saves, by itself and by the attempts in flight that require it.

        In dollars if the budget needs attempts in flight, else in quanta.
        """
        cost = [[m.usd if self.needs_in_flight else float(m.duration) for m in modes] for modes in self.modes]
        least = [
            min((usd for usd, mode in zip(row, modes, strict=True) if not mode.in_flight), default=0.0)
            for row, modes in zip(cost, self.modes, strict=True)
        ]
        savings = [[0.0] * len(modes) for modes in self.modes]
        for step in range(len(self.modes) - 1, -1, -1):
            for index, mode in enumerate(self.modes[step]):
                if not mode.in_flight:
                    continue
                requires = [(other, allowed) for other, allowed in mode.requires if allowed]
                extra = (min(cost[other][i] for i in allowed) - least[other] for other, allowed in requires)
                own = least[step] - cost[step][index] - sum(max(0.0, each) for each in extra)
                savings[step][index] = max(0.0, savings[step][index] + own)
                for other, i in ((other, i) for other, allowed in requires for i in allowed):
                    savings[other][i] += savings[step][index]
        return savings

    @cached_property
    def mean_durations(self) -> list[float]:
        """Per step, the mean duration over its agents and all nodes they fit on."""
        means: list[float] = [0.0] * len(self.steps)
        for rows in self.mode_table.classes:
            if rows.modes:
                sizes = np.array([len(self.groups[mode.group].nodes) for mode in rows.modes], dtype=np.float64)
                of_rows = (rows.duration @ sizes / sizes.sum()).tolist()
                for step, row in zip(rows.steps.tolist(), rows.row.tolist(), strict=True):
                    means[step] = of_rows[row]
        return means

    def agents(self, chosen: Sequence[int]) -> list[AgentSpec]:
        """The agent of the chosen mode of each step."""
        return self.modes.agents(chosen)

    def usd(self, chosen: Sequence[int]) -> list[float]:
        """The dollars of the chosen mode of each step."""
        return self.modes.usd(chosen)

    def value(self, makespan: int, usd: float) -> float:
        """The objective: latency_weight * makespan_s + usd_weight * usd."""
        return self.objective.latency_weight * makespan * self.quantum_s + self.objective.usd_weight * usd

    def tails(self, durations: Sequence[int]) -> list[int]:
        """Per step, the longest path from its start to the end of the workflow, without transfers."""
        tails, after, parents = list(durations), [0] * len(durations), self.parents
        for step in range(len(tails) - 1, -1, -1):
            tails[step] = tail = tails[step] + after[step]
            for parent in parents[step]:
                if tail > after[parent]:  # noqa: PLR1730 -- max takes longer, and there are thousands of edges
                    after[parent] = tail
        return tails
