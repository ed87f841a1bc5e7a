"""Schedules by the compiled kernel: the same as those of Python, in a small part of the time."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.kernel.compilation import LOADER
from planners.scheduling.kernel.functions import Kernel
from planners.scheduling.kernel.memory import (
    BUDGET,
    CELL,
    CELLS,
    COSTS,
    END,
    ENDS,
    HEAP,
    KEPT,
    LATEST,
    MISSING,
    NODE,
    ON,
    ORDER,
    PRIORITY,
    RANGES,
    RESERVED,
    START,
    STARTS,
    Memory,
    Workspace,
    new_memory,
)
from planners.scheduling.kernel.passes import AS_NEEDED, CUT_OFF, SPREAD, UNLIMITED
from planners.scheduling.list_scheduling.partial_schedule import PartialSchedule
from planners.scheduling.list_scheduling.schedule import Schedule, ScheduleArrays
from planners.scheduling.list_scheduling.score import PlacementScore
from planners.scheduling.problem.arrays import ProblemArrays, arrays_of, profile_arrays
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.resource_profile import ResourceProfile

# Workflows of fewer steps are placed before their arrays are made, and of more steps it is worth loading the kernel.
_FEW, _MANY = 24, 300


class CompiledPasses:
    """The kernel and the arrays of a problem."""

    def __init__(self, kernel: Kernel, arrays: ProblemArrays, problem: Problem) -> None:
        self._kernel, self._p, self._problem = kernel, arrays, problem
        self._steps = len(problem.steps)
        self._workspace = Workspace(arrays, 2 * self._steps)  # tie breaking places steps twice
        self._scratch = self._workspace.memory  # for questions that place nothing
        self._has_reservations = len(arrays.piece_time) > len(arrays.guard)

    def serial(
        self,
        known: PartialSchedule,
        order: Sequence[int] | NDArray[np.int64],
        score: PlacementScore,
        budget: "SharedBudget | None",
        cutoff: "Cutoff",
    ) -> Schedule | int | None:
        """The schedule of `serial_schedule`, from the steps that are placed; None if it is cut off.

        An integer is a step that has no mode.
        """
        memory, steps, sharing = self._workspace.fresh(), self._steps, UNLIMITED
        if self._problem.has_in_flight:
            mode = np.array(known.mode)
            self._ask(memory, cells=np.where(mode < 0, -1, mode + self._p.cell_first[:-1]), on=known.node)
            self._place_all(memory, np.array(known.start))
        memory.part(ORDER, steps)[:] = order
        memory.floats_of(COSTS, score.costs.size)[:] = score.costs.ravel()
        memory.floats_of(LATEST, steps)[:] = score.latest
        if budget is not None:
            sharing = SPREAD if budget.spread else AS_NEEDED
            memory.floats_of(RESERVED, steps)[:] = budget.reserved_usd
            memory.floats_of(RANGES, steps)[:] = budget.ranges_usd
            memory.floats_of(BUDGET, 3)[:] = budget.left_usd
        ended = self._kernel.serial(*memory, score.per_quantum, score.end_weight, sharing, float(cutoff.end))
        if ended == CUT_OFF:
            return None
        return int(ended) if ended >= 0 else self._schedule(memory, cutoff.value)

    def replay(
        self,
        order: Sequence[int] | NDArray[np.int64],
        mode: Sequence[int] | NDArray[np.int64],
        node: Sequence[int] | NDArray[np.int64] | None,
    ) -> Schedule:
        """The schedule of `replay`."""
        memory = self._workspace.fresh()
        self._ask(memory, cells=mode + self._p.cell_first[:-1], on=-1 if node is None else node)
        memory.part(ORDER, self._steps)[:] = order
        self._kernel.replay(*memory)
        return self._whole(memory)

    def latest_starts(
        self, order: NDArray[np.int64], schedule: Schedule, profiles: Callable[[], Sequence[ResourceProfile]]
    ) -> list[int]:
        """Those of `justification`; ``profiles`` makes the reversed ones of all nodes and limits."""
        if self._has_reservations:
            first, time, free = profile_arrays(profiles())
            memory = new_memory(self._p._replace(piece_first=first, piece_time=time, piece_free=free), self._steps)
        else:  # what is always free is the same in reversed time
            memory = self._workspace.fresh()
        self._ask(memory, cells=schedule.arrays.mode + self._p.cell_first[:-1], on=schedule.arrays.node)
        memory.part(ORDER, self._steps)[:] = order
        self._kernel.mirror(*memory)
        latest: list[int] = (schedule.makespan - memory.part(END, self._steps)).tolist()
        return latest

    def latest_ends(self, schedule: Schedule, until: float) -> NDArray[np.float64]:
        """Those of `iterated_heft`."""
        memory = self._scratch
        self._ask(memory, cells=schedule.arrays.mode + self._p.cell_first[:-1], on=schedule.arrays.node)
        self._kernel.latest_ends(*memory, float(until))
        return memory.floats_of(ENDS, self._steps).copy()

    def order_by_priority(self, priority: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
        """That of `priorities`."""
        memory = self._scratch
        memory.floats_of(PRIORITY, self._steps)[:] = priority
        self._kernel.order_steps(*memory)
        return memory.part(ORDER, self._steps).copy()

    def price(
        self, time: NDArray[np.float64], budget_usd: float, guess: float
    ) -> tuple[float, float, NDArray[np.int64]]:
        """(price, dollars, rows of modes): the search of `priced_choice`."""
        memory = self._scratch
        memory.floats_of(COSTS, time.size)[:] = time.ravel()
        price, spent = self._kernel.find_price(*memory, budget_usd, guess)
        return price, spent, memory.part(MISSING, self._steps).copy()

    def tails(self, durations: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of `Problem`, until they are asked for again."""
        self._scratch.part(STARTS, self._steps)[:] = durations
        self._kernel.find_tails(self._scratch.ints)
        return self._scratch.part(HEAP, self._steps)

    def path(self, durations: NDArray[np.int64]) -> list[int]:
        """The steps of the longest path."""
        self._scratch.part(STARTS, self._steps)[:] = durations
        steps: list[int] = self._scratch.part(MISSING, int(self._kernel.find_path(self._scratch.ints))).tolist()
        return steps

    def break_ties(
        self, schedule: Schedule, most_usd: float, kept: Sequence[int], preferences: Sequence[tuple[int, int] | None]
    ) -> Schedule:
        """The schedule of `break_ties`; steps of which ``kept`` is 1 stay."""
        memory, first = self._workspace.fresh(), self._p.cell_first[:-1]
        self._ask(memory, cells=schedule.arrays.mode + first, on=schedule.arrays.node)
        self._place_all(memory, schedule.arrays.start)
        memory.part(KEPT, self._steps)[:] = kept
        if preferences:
            modes, nodes = np.array([(-1, -1) if one is None else one for one in preferences], np.int64).T
            self._ask(memory, cells=np.where(modes < 0, -1, modes + first), on=nodes)
        else:
            self._ask(memory, cells=-1, on=-1)
        usd_counts = self._problem.objective.usd_weight > 0
        self._kernel.break_ties(*memory, schedule.makespan, most_usd, usd_counts)
        return self._whole(memory)

    def _place_all(self, memory: Memory, start: NDArray[np.int64]) -> None:
        memory.part(STARTS, self._steps)[:] = start
        memory.part(ORDER, self._steps)[:] = np.argsort(start, kind="stable")
        self._kernel.place_all(*memory)

    def _ask(self, memory: Memory, cells: NDArray[np.int64] | int, on: Sequence[int] | NDArray[np.int64] | int) -> None:
        memory.part(CELLS, self._steps)[:] = cells
        memory.part(ON, self._steps)[:] = on

    def _whole(self, memory: Memory) -> Schedule:
        schedule = self._schedule(memory, np.inf)
        assert schedule is not None, "nothing is worse than infinite"
        return schedule

    def _schedule(self, memory: Memory, worst: float) -> Schedule | None:
        """The schedule in memory; None if its value is not below the ``worst``."""
        p, steps = self._p, self._steps
        cells, ends = memory.part(CELL, steps), memory.part(END, steps)
        usd = sum(p.usd[cells].tolist())
        value = self._problem.value(int(ends.max()), usd)
        if value >= worst:
            return None
        node, start = memory.part(NODE, steps).copy(), memory.part(START, steps).copy()
        return Schedule(ScheduleArrays(cells - p.cell_first[:-1], node, start, ends.copy()), usd, value)


class Cutoff(NamedTuple):
    """When a schedule is given up: it is certain to end later than ``end``, in quanta, or its value is not below."""

    end: float = np.inf
    value: float = np.inf


class SharedBudget(NamedTuple):
    """How steps share a budget; ``left_usd`` is the budget, what is reserved of it, and the sum of the ranges."""

    reserved_usd: NDArray[np.float64]
    ranges_usd: NDArray[np.float64]
    left_usd: tuple[float, float, float]
    spread: bool


def compiled_passes(problem: Problem) -> CompiledPasses | None:
    """The kernel for a problem; None for small ones, for what arrays cannot represent, and until it is loaded."""
    if len(problem.steps) < _FEW:
        return None
    kernel = LOADER.kernel
    if kernel is None:
        if len(problem.steps) >= _MANY:
            LOADER.want()
        return None
    if CompiledPasses not in problem.derived:
        arrays = arrays_of(problem)
        problem.derived[CompiledPasses] = None if arrays is None else CompiledPasses(kernel, arrays, problem)
    passes: CompiledPasses | None = problem.derived[CompiledPasses]
    return passes


def longest_tails(problem: Problem, durations: NDArray[np.int64]) -> list[int]:
    """`Problem.tails`, by the kernel where it is loaded."""
    if (compiled := compiled_passes(problem)) is None:
        return problem.tails(durations.tolist())
    tails: list[int] = compiled.tails(durations).tolist()
    return tails


def steps_of_longest_path(problem: Problem, durations: NDArray[np.int64]) -> list[int]:
    """The steps from whose first one the tail is longest; of equal ones, and of equal children, the first."""
    if (compiled := compiled_passes(problem)) is not None:
        return compiled.path(durations)
    tails = problem.tails(durations.tolist())
    step = tails.index(max(tails))
    path = [step]
    while children := problem.children[step]:
        step = max(children, key=tails.__getitem__)
        path.append(step)
    return path


def longest_path(problem: Problem, durations: NDArray[np.int64]) -> int:
    """The longest of them."""
    if (compiled := compiled_passes(problem)) is None:
        return max(problem.tails(durations.tolist()), default=0)
    return int(compiled.tails(durations).max())
