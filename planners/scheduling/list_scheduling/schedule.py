"""Complete schedules, as tuples and as arrays."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.feasibility import within_budget
from planners.scheduling.problem.problem import Problem


class ScheduleTuples(NamedTuple):
    """Modes, nodes, starts and ends of a schedule as tuples."""

    mode: tuple[int, ...]
    node: tuple[int, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]


class ScheduleArrays(NamedTuple):
    """Modes, nodes, starts and ends of a schedule as arrays."""

    mode: NDArray[np.int64]
    node: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


class Schedule:
    """A complete schedule by step index: mode, node, start and end in quanta; cost and objective value.

    It is made of tuples or of arrays, and gives both: most schedules of a search are compared by value and forgotten,
    so either form is made when it is first asked for.
    """

    def __init__(self, rows: ScheduleArrays | ScheduleTuples, usd: float, value: float) -> None:
        self._rows = rows
        self.usd = usd
        self.value = value

    @cached_property
    def tuples(self) -> ScheduleTuples:
        """Modes, nodes, starts and ends as tuples."""
        rows = self._rows
        return rows if isinstance(rows, ScheduleTuples) else ScheduleTuples(*(tuple(row.tolist()) for row in rows))

    @cached_property
    def arrays(self) -> ScheduleArrays:
        """The same as arrays."""
        rows = self._rows
        return rows if isinstance(rows, ScheduleArrays) else ScheduleArrays(*(np.array(row, np.int64) for row in rows))

    @property
    def mode(self) -> tuple[int, ...]:
        """The mode of each step."""
        return self.tuples.mode

    @property
    def node(self) -> tuple[int, ...]:
        """The node of each step."""
        return self.tuples.node

    @property
    def start(self) -> tuple[int, ...]:
        """When each step starts."""
        return self.tuples.start

    @property
    def end(self) -> tuple[int, ...]:
        """When each step ends."""
        return self.tuples.end

    @cached_property
    def makespan(self) -> int:
        """When the last step ends."""
        rows = self._rows
        return max(rows.end, default=0) if isinstance(rows, ScheduleTuples) else int(rows.end.max(initial=0))

    def __eq__(self, other: object) -> bool:
        """Whether all steps are placed alike, at the same cost and value."""
        if not isinstance(other, Schedule):
            return NotImplemented
        return (self.tuples, self.usd, self.value) == (other.tuples, other.usd, other.value)

    def __hash__(self) -> int:
        """Equal for equal schedules."""
        return hash((self.tuples, self.usd, self.value))


def satisfies_limits(problem: Problem, schedule: Schedule) -> bool:
    """Whether a schedule keeps to the budget and the deadline."""
    late = problem.deadline is not None and schedule.makespan > problem.deadline
    return within_budget(schedule.usd, problem.budget_usd) and not late
