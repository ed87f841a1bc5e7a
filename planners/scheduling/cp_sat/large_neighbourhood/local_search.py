"""Local search: change one step of a schedule, or let two like steps change places, and keep what is not worse.

A move gives a step another mode and another position among the starts, or exchanges mode, node and position of two
steps of a class: shift and change of mode (Bouleimen, Lecocq 2003, doi:10.1016/S0377-2217(02)00761-0), and swap. Then
all steps are placed again in the order of their starts, the others on their nodes, so that a move shifts what follows
it there and leaves the rest. Thousands of moves a second find what no single repair can: that many steps which end
last all end sooner. That takes the kernel: in Python a move takes as long as a repair.
"""

from collections.abc import Iterator
from random import Random

import numpy as np

from planners.scheduling.cp_sat.large_neighbourhood.neighbourhoods import ANY_NODE, kept_steps
from planners.scheduling.list_scheduling.priorities import order_by_priority
from planners.scheduling.list_scheduling.schedule import Schedule, ScheduleArrays, satisfies_limits
from planners.scheduling.list_scheduling.serial import replay
from planners.scheduling.problem.problem import Problem

# The share of moves that exchange two steps, and the farthest shift as a share of the makespan.
_EXCHANGES, _FARTHEST = 0.5, 0.1
# The weight of the mean end relative to the makespan: earlier ends leave capacity to later moves.
_END_WEIGHT = 0.01


def local_search(problem: Problem, known: Schedule, moves: int, rng: Random) -> Iterator[Schedule]:
    """The best schedule after each of so many moves from a known one, which satisfies the limits.

    Steps that continue attempts in flight keep their modes, and so do the steps that these attempts require.
    """
    search = _LocalSearch(problem, known, rng)
    for _ in range(moves if search.movable else 0):
        search.move()
        yield search.best


class _LocalSearch:
    def __init__(self, problem: Problem, known: Schedule, rng: Random) -> None:
        self._problem, self._rng = problem, rng
        self.best = self._current = known
        self._cost = self._cost_of(known)
        kept = kept_steps(problem, known)
        self.movable = [step for step in range(len(problem.steps)) if step not in kept]
        self._alike: dict[int, list[int]] = {}
        for rows in problem.mode_table.classes:
            alike = [step for step in rows.steps.tolist() if step not in kept]
            self._alike |= dict.fromkeys(alike, alike)

    def move(self) -> None:
        """Try a move at random, and go on from what is not worse."""
        known = self._current.arrays
        moved = ScheduleArrays(known.mode.copy(), known.node.copy(), known.start.copy(), known.end)
        step = self._rng.choice(self.movable)
        if self._rng.random() < _EXCHANGES:
            self._exchange(moved, step, self._rng.choice(self._alike[step]))
        else:
            self._shift(moved, step)
        order = order_by_priority(self._problem, -moved.start.astype(np.float64))
        self._consider(replay(self._problem, order, moved.mode, moved.node))

    def _exchange(self, moved: ScheduleArrays, step: int, other: int) -> None:
        index = self._problem.mode_table.index
        if moved.mode[other] in index[step] and moved.mode[step] in index[other]:
            for values in (moved.mode, moved.node, moved.start):
                values[[step, other]] = values[[other, step]]

    def _shift(self, moved: ScheduleArrays, step: int) -> None:
        farthest = _FARTHEST * self._current.makespan
        moved.mode[step] = self._rng.choice(self._problem.mode_table.index[step])
        moved.node[step] = ANY_NODE
        moved.start[step] += round(self._rng.uniform(-farthest, farthest))

    def _consider(self, schedule: Schedule) -> None:
        if not satisfies_limits(self._problem, schedule):
            return
        cost = self._cost_of(schedule)
        if cost <= self._cost:
            self._current, self._cost = schedule, cost
        if schedule.value < self.best.value:
            self.best = schedule

    def _cost_of(self, schedule: Schedule) -> float:
        mean_end = float(np.mean(schedule.arrays.end))
        return schedule.value + _END_WEIGHT * self._problem.value(1, 0.0) * mean_end
