"""Complete schedules."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.feasibility import within_budget
from planners.scheduling.problem.problem import Problem


class ScheduleArrays(NamedTuple):
    """Modes, nodes, starts and ends of a schedule by step."""

    mode: NDArray[np.int64]
    node: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


class Schedule:
    """A complete schedule by step index: mode, node, start and end in quanta; cost and objective value.

    Code that looks at single steps reads tuples, which are faster for that and hold plain integers. Most schedules of a
    search are compared by value and forgotten, so each tuple is made when it is first asked for.
    """

    def __init__(self, arrays: ScheduleArrays, usd: float, value: float) -> None:
        self.arrays = arrays
        self.usd = usd
        self.value = value

    @cached_property
    def mode(self) -> tuple[int, ...]:
        """The mode of each step."""
        return tuple(self.arrays.mode.tolist())

    @cached_property
    def node(self) -> tuple[int, ...]:
        """The node of each step."""
        return tuple(self.arrays.node.tolist())

    @cached_property
    def start(self) -> tuple[int, ...]:
        """When each step starts."""
        return tuple(self.arrays.start.tolist())

    @cached_property
    def end(self) -> tuple[int, ...]:
        """When each step ends."""
        return tuple(self.arrays.end.tolist())

    @cached_property
    def makespan(self) -> int:
        """When the last step ends."""
        return int(self.arrays.end.max(initial=0))

    def __eq__(self, other: object) -> bool:
        """Whether all steps are placed alike, at the same cost and value."""
        if not isinstance(other, Schedule):
            return NotImplemented
        return (self.usd, self.value) == (other.usd, other.value) and np.array_equal(self.arrays, other.arrays)

    def __hash__(self) -> int:
        """Equal for equal schedules."""
        return hash((self.usd, self.value))


def satisfies_limits(problem: Problem, schedule: Schedule) -> bool:
    """Whether a schedule keeps to the budget and the deadline."""
    late = problem.deadline is not None and schedule.makespan > problem.deadline
    return within_budget(schedule.usd, problem.budget_usd) and not late
