"""The modes of all steps: arrays by class of steps, and objects that are made when they are first asked for.

A list schedule that is made on arrays needs one of the dozen modes of each step as an object, or none.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from planners.agents import AgentSpec
from planners.scheduling.problem.modes import ExecutionMode

# Thousands of modes are made for a plan: this skips the generated constructor.
_new_mode: Callable[[tuple[object, ...]], ExecutionMode] = partial(tuple.__new__, ExecutionMode)


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
    """The modes of each step, all of them new attempts. Steps that are alike share the tuple of their modes."""

    def __init__(self, classes: Sequence[ModeRows], steps: int) -> None:
        self.classes = classes
        self._steps = steps
        self._made: list[list[tuple[ExecutionMode, ...] | None]] = [[None] * len(rows.duration) for rows in classes]

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

    def agents(self, chosen: Sequence[int]) -> list[AgentSpec]:
        """The agent of the chosen mode of each step."""
        of_classes = [[mode.agent for mode in rows.modes] for rows in self.classes]
        return [of_classes[index][mode] for (index, _), mode in zip(self._places, chosen, strict=True)]

    def usd(self, chosen: Sequence[int]) -> list[float]:
        """The dollars of the chosen mode of each step."""
        modes, usd = np.asarray(chosen, dtype=np.int64), np.zeros(self._steps)
        for rows in self.classes:
            usd[rows.steps] = rows.usd[rows.row, modes[rows.steps]]
        return usd.tolist()

    def counts(self) -> NDArray[np.int64]:
        """How many modes each step has."""
        counts = np.zeros(self._steps, dtype=np.int64)
        for rows in self.classes:
            counts[rows.steps] = len(rows.modes)
        return counts

    def least_durations(self) -> list[int]:
        """The shortest duration of each step, in quanta."""
        least = np.zeros(self._steps, dtype=np.int64)
        for rows in self.classes:
            least[rows.steps] = rows.duration.min(axis=1)[rows.row]
        found: list[int] = least.tolist()
        return found

    def usd_ranges(self) -> tuple[list[float], list[float]]:
        """The least dollars of each step, and the most."""
        least, most = np.zeros(self._steps), np.zeros(self._steps)
        for rows in self.classes:
            least[rows.steps], most[rows.steps] = rows.usd.min(axis=1)[rows.row], rows.usd.max(axis=1)[rows.row]
        return least.tolist(), most.tolist()


def rows_of(modes: Sequence[Sequence[ExecutionMode]], steps: Sequence[int]) -> ModeRows:
    """The new attempts of the steps of a class, of modes that are objects."""
    new = tuple(mode for mode in modes[steps[0]] if not mode.in_flight)
    width, rows, row = len(new), dict[int, int](), list[int]()
    first: list[Sequence[ExecutionMode]] = []
    for step in steps:
        row.append(at := rows.setdefault(id(modes[step][0]), len(rows)))  # steps that are alike share their modes
        if at == len(first):
            first.append(modes[step][:width])
    return ModeRows(
        np.array(steps, dtype=np.int64),
        np.array(row, dtype=np.int64),
        new,
        np.array([[mode.duration for mode in modes] for modes in first], dtype=np.float64).reshape(len(first), width),
        np.array([[mode.usd for mode in modes] for modes in first], dtype=np.float64).reshape(len(first), width),
    )
