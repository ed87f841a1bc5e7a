"""The modes of all steps: arrays by class of steps, and objects that are made when they are first asked for.

A list schedule that is made on arrays needs one of the dozen modes of each step as an object, or none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from types import MappingProxyType
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from planners.agents import AgentSpec
from planners.scheduling.problem.modes import ExecutionMode

# Thousands of modes are made for a plan: this skips the generated constructor.
_new_mode: Callable[[tuple[object, ...]], ExecutionMode] = partial(tuple.__new__, ExecutionMode)
_NONE_RUN: Mapping[int, tuple[ExecutionMode, ...]] = MappingProxyType({})


class ModeRows(NamedTuple):
    """The new attempts of the steps of a class as arrays: one row for steps that are alike, one column for each mode.

    ``row`` has the row of each of the ``steps``. ``modes`` are those of the first step.
    """

    steps: NDArray[np.int64]
    row: NDArray[np.int64]
    modes: tuple[ExecutionMode, ...]
    duration: NDArray[np.float64]
    usd: NDArray[np.float64]

    def modes_of(self, row: int) -> tuple[ExecutionMode, ...]:
        """The modes of the steps of a row."""
        durations, usd = self.duration[row].astype(np.int64).tolist(), self.usd[row].tolist()
        made = zip(self.modes, durations, usd, strict=True)
        return tuple([_new_mode((*mode[:2], quanta, price, *mode[4:])) for mode, quanta, price in made])


class StepModes(Sequence[tuple[ExecutionMode, ...]]):
    """The modes of each step: new attempts first, then the attempts in flight that may continue.

    ``classes`` has the new attempts of the steps that the same agents may execute; some may have none. ``in_flight``
    has the others by step. Steps that are alike share the tuple of their modes.
    """

    def __init__(
        self,
        classes: Sequence[ModeRows],
        steps: int,
        in_flight: Mapping[int, tuple[ExecutionMode, ...]] = _NONE_RUN,
    ) -> None:
        self.classes = classes
        self.in_flight = in_flight
        self._steps = steps
        self._made: list[list[tuple[ExecutionMode, ...] | None]] = [[None] * len(rows.duration) for rows in classes]
        self._with_in_flight: dict[int, tuple[ExecutionMode, ...]] = {}

    @cached_property
    def _places(self) -> list[tuple[int, int]]:
        """The class and the row of each step."""
        places = [(0, 0)] * self._steps
        for index, rows in enumerate(self.classes):
            for step, row in zip(rows.steps.tolist(), rows.row.tolist(), strict=True):
                places[step] = index, row
        return places

    @overload
    def __getitem__(self, step: int) -> tuple[ExecutionMode, ...]: ...
    @overload
    def __getitem__(self, step: slice) -> list[tuple[ExecutionMode, ...]]: ...
    def __getitem__(self, step: int | slice) -> tuple[ExecutionMode, ...] | list[tuple[ExecutionMode, ...]]:
        """The modes of a step, made now if need be."""
        if isinstance(step, slice):
            return [self[i] for i in range(*step.indices(self._steps))]
        if step not in self.in_flight:
            return self._new(step)
        if step not in self._with_in_flight:
            self._with_in_flight[step] = self._new(step) + self.in_flight[step]
        return self._with_in_flight[step]

    def _new(self, step: int) -> tuple[ExecutionMode, ...]:
        index, row = self._places[step]
        made = self._made[index]
        found = made[row]
        if found is None:
            found = made[row] = self.classes[index].modes_of(row)
        return found

    def __len__(self) -> int:
        """How many steps there are."""
        return self._steps

    def __iter__(self) -> Iterator[tuple[ExecutionMode, ...]]:
        """The modes of all steps."""
        return map(self.__getitem__, range(self._steps))

    def kinds(self) -> Iterator[ExecutionMode]:
        """One mode of all that differ only in duration and cost."""
        for rows in self.classes:
            yield from rows.modes
        for running in self.in_flight.values():
            yield from running

    def agents(self, chosen: Sequence[int]) -> list[AgentSpec]:
        """The agent of the chosen mode of each step."""
        of_classes = [[mode.agent for mode in rows.modes] for rows in self.classes]
        running = self._running(chosen)
        return [
            running[step].agent if step in running else of_classes[index][mode]
            for step, ((index, _), mode) in enumerate(zip(self._places, chosen, strict=True))
        ]

    def usd(self, chosen: Sequence[int]) -> list[float]:
        """The dollars of the chosen mode of each step."""
        modes, usd = np.array(chosen, dtype=np.int64), np.zeros(self._steps)
        running = self._running(chosen)
        modes[list(running)] = 0
        for rows in self.classes:
            if rows.modes:
                usd[rows.steps] = rows.usd[rows.row, modes[rows.steps]]
        for step, mode in running.items():
            usd[step] = mode.usd
        return usd.tolist()

    def _running(self, chosen: Sequence[int]) -> dict[int, ExecutionMode]:
        """The attempts in flight among the chosen modes, by step."""
        modes = ((step, self[step][chosen[step]]) for step in self.in_flight)
        return {step: mode for step, mode in modes if mode.in_flight}

    def counts(self) -> NDArray[np.int64]:
        """How many modes each step has."""
        counts = np.zeros(self._steps, dtype=np.int64)
        for rows in self.classes:
            counts[rows.steps] = len(rows.modes)
        for step, running in self.in_flight.items():
            counts[step] += len(running)
        return counts

    def least_durations(self) -> list[int]:
        """The shortest duration of each step, in quanta."""
        least = np.full(self._steps, np.inf)
        for rows in self.classes:
            least[rows.steps] = rows.duration.min(axis=1, initial=np.inf)[rows.row]
        for step, running in self.in_flight.items():
            least[step] = min(least[step], *(mode.duration for mode in running))
        found: list[int] = least.astype(np.int64).tolist()
        return found

    def new_usd(self) -> NDArray[np.float64]:
        """The least dollars of a new attempt of each step; infinite where there is none."""
        least = np.zeros(self._steps)
        for rows in self.classes:
            least[rows.steps] = rows.usd.min(axis=1, initial=np.inf)[rows.row]
        return least

    def usd_ranges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The least dollars of each step, and the most."""
        least, most = self.new_usd(), np.zeros(self._steps)
        for rows in self.classes:
            most[rows.steps] = rows.usd.max(axis=1, initial=0.0)[rows.row]
        for step, running in self.in_flight.items():
            usd = [mode.usd for mode in running]
            least[step], most[step] = min(least[step], *usd), max(most[step], *usd)
        return least, most
