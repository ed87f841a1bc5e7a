"""The modes that list scheduling chooses from, as arrays."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.step_modes import ModeRows, StepModes

# Pads rows of arrays: larger than any penalty, so a padding entry is never the minimum.
_PADDING = 1e30


class ModeTable:
    """The modes that list scheduling chooses from: new attempts that no other mode dominates, as arrays.

    ``positions`` maps a row to the modes of the problem. ``duration`` and ``usd`` have one row a step, padded with
    modes that never win, and zeros where a step has none; ``exists`` tells which are real. ``shortest``: the least
    duration in each row. ``classes`` has all new attempts.
    """

    def __init__(self, modes: StepModes) -> None:
        self._modes = modes
        self.classes = modes.classes
        self._kept = _kept_modes(self.classes)
        width = max([1, *(kept.positions.shape[1] for kept in self._kept)])
        self.rows = np.arange(len(modes))
        self.positions = np.zeros((len(modes), width), dtype=np.int64)
        counts = np.zeros(len(modes), dtype=np.int64)
        for one, kept in zip(self.classes, self._kept, strict=True):
            self.positions[one.steps, : kept.positions.shape[1]] = kept.positions[one.row]
            counts[one.steps] = kept.counts[one.row]
        self.counts: list[int] = counts.tolist()
        self.exists: NDArray[np.bool_] = np.arange(width) < counts[:, None]
        self.duration = self.gathered([one.duration for one in self.classes])
        self.usd = self.gathered([one.usd for one in self.classes])
        self.shortest: list[float] = self.duration.min(axis=1).tolist()

    def gathered(self, of_classes: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """One value a mode in rows by step, from arrays like those of ``classes``."""
        rows = np.full(self.positions.shape, _PADDING)
        for one, kept, values in zip(self.classes, self._kept, of_classes, strict=True):
            if width := kept.positions.shape[1]:
                found = values[np.arange(len(values))[:, None], kept.positions]
                found[~kept.exists] = _PADDING
                rows[one.steps, :width] = found[one.row]
            else:
                rows[one.steps] = 0.0
        return rows

    @cached_property
    def index(self) -> list[list[int]]:
        """``positions`` as lists."""
        rows: list[list[int]] = self.positions.tolist()
        return [row[:count] for row, count in zip(rows, self.counts, strict=True)]

    @cached_property
    def modes(self) -> list[list[ExecutionMode]]:
        """The modes of each step."""
        return [[row[i] for i in index] for row, index in zip(self._modes, self.index, strict=True)]


# Per mode, (mode, whether also if both are equal).
_Dominators = tuple[tuple[tuple[int, bool], ...], ...]


class _Kept(NamedTuple):
    """The modes that are kept, in each row of a class: their positions, in front of others, and how many there are."""

    positions: NDArray[np.int64]
    counts: NDArray[np.int64]
    exists: NDArray[np.bool_]


def _kept_modes(classes: Sequence[ModeRows]) -> list[_Kept]:
    """The non-dominated modes of each class. Those whose modes dominate each other alike are compared together."""
    alike: dict[_Dominators, list[int]] = {}
    for index, one in enumerate(classes):
        alike.setdefault(_dominators(one.modes), []).append(index)
    kept: dict[int, _Kept] = {}
    for dominators, members in alike.items():
        durations, usd = zip(*((classes[i].duration, classes[i].usd) for i in members), strict=True)
        found = _in_front(_non_dominated(dominators, np.concatenate(durations), np.concatenate(usd)))
        ends = np.cumsum([len(rows) for rows in durations])
        for i, *parts in zip(members, *(np.split(part, ends[:-1]) for part in found), strict=True):
            kept[i] = _Kept(*parts)
    return [kept[i] for i in range(len(classes))]


def _in_front(kept: NDArray[np.bool_]) -> _Kept:
    counts = kept.sum(axis=1)
    most = int(counts.max(initial=0))
    positions = np.argsort(~kept, axis=1, kind="stable")[:, :most]
    return _Kept(positions, counts, np.arange(most) < counts[:, None])


def _dominators(modes: Sequence[ExecutionMode]) -> _Dominators:
    """Per mode, the modes that dominate it if they are no slower and no dearer; True: also if equal in both."""
    by_group: dict[int, list[int]] = {}
    for k, mode in enumerate(modes):
        by_group.setdefault(mode.group, []).append(k)
    dominators: list[list[int]] = [[] for _ in modes]
    for members in by_group.values():
        for k in members:
            dominators[k] = [i for i in members if i != k and modes[i].needs_no_more_than(modes[k])]
    return tuple([tuple([(i, i < k or k not in dominators[i]) for i in others]) for k, others in enumerate(dominators)])


def _non_dominated(
    dominators: _Dominators, durations: NDArray[np.float64], prices: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """The modes to keep of each row; of modes that dominate each other, the first."""
    kept = np.ones(durations.shape, dtype=np.bool_)
    columns = [k for k, others in enumerate(dominators) if others]
    if not columns:
        return kept
    dominated = [k for k in columns for _ in dominators[k]]
    by, even_if_equal = zip(*(pair for k in columns for pair in dominators[k]), strict=True)
    first = np.cumsum([0, *(len(dominators[k]) for k in columns[:-1])])
    duration, other_duration = durations[:, dominated], durations[:, by]
    usd, other_usd = prices[:, dominated], prices[:, by]
    better = (other_duration < duration) | (other_usd < usd) | even_if_equal
    dominates = (other_duration <= duration) & (other_usd <= usd) & better
    kept[:, columns] = ~np.logical_or.reduceat(dominates, first, axis=1)
    return kept
