"""The modes that list scheduling chooses from, as arrays."""

from collections.abc import Sequence
from functools import cached_property

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
        kept = [_in_front(_non_dominated(one)) for one in self.classes]
        width = max([1, *(positions.shape[1] for positions, _ in kept)])
        self.rows = np.arange(len(modes))
        self.positions = np.zeros((len(modes), width), dtype=np.int64)
        counts = np.zeros(len(modes), dtype=np.int64)
        for one, (positions, count) in zip(self.classes, kept, strict=True):
            self.positions[one.steps, : positions.shape[1]] = positions[one.row]
            counts[one.steps] = count[one.row]
        self.counts: list[int] = counts.tolist()
        self.exists: NDArray[np.bool_] = np.arange(width) < counts[:, None]
        self.duration = self.gathered([one.duration for one in self.classes])
        self.usd = self.gathered([one.usd for one in self.classes])
        self.shortest: list[float] = self.duration.min(axis=1).tolist()

    def gathered(self, of_classes: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """One value a mode in rows by step, from arrays like those of ``classes``."""
        rows = np.where(self.exists.any(axis=1), _PADDING, 0.0)[:, None].repeat(self.exists.shape[1], axis=1)
        for one, values in zip(self.classes, of_classes, strict=True):
            if values.shape[1]:
                of_modes = values[one.row[:, None], self.positions[one.steps]]
                rows[one.steps] = np.where(self.exists[one.steps], of_modes, rows[one.steps])
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


def _in_front(kept: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The positions of what is kept in each row, in front of all others, and how many there are."""
    counts = kept.sum(axis=1)
    positions = np.argsort(~kept, axis=1, kind="stable")[:, : int(counts.max(initial=0))]
    return positions, counts


def _dominators(modes: Sequence[ExecutionMode]) -> list[list[tuple[int, bool]]]:
    """Per mode, the modes that dominate it if they are no slower and no dearer; True: also if equal in both."""
    by_group: dict[int, list[int]] = {}
    for k, mode in enumerate(modes):
        by_group.setdefault(mode.group, []).append(k)
    dominators: list[list[int]] = [[] for _ in modes]
    for members in by_group.values():
        for k in members:
            dominators[k] = [i for i in members if i != k and modes[i].needs_no_more_than(modes[k])]
    return [[(i, i < k or k not in dominators[i]) for i in others] for k, others in enumerate(dominators)]


def _non_dominated(rows: ModeRows) -> NDArray[np.bool_]:
    """The modes to keep of each row; of modes that dominate each other, the first."""
    kept = np.ones(rows.duration.shape, dtype=np.bool_)
    dominators = _dominators(rows.modes)
    columns = [k for k, others in enumerate(dominators) if others]
    if not columns:
        return kept
    dominated = [k for k in columns for _ in dominators[k]]
    by, even_if_equal = zip(*(pair for k in columns for pair in dominators[k]), strict=True)
    first = np.cumsum([0, *(len(dominators[k]) for k in columns[:-1])])
    duration, other_duration = rows.duration[:, dominated], rows.duration[:, by]
    usd, other_usd = rows.usd[:, dominated], rows.usd[:, by]
    better = (other_duration < duration) | (other_usd < usd) | even_if_equal
    dominates = (other_duration <= duration) & (other_usd <= usd) & better
    kept[:, columns] = ~np.logical_or.reduceat(dominates, first, axis=1)
    return kept
