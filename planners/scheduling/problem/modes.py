"""Execution modes: the ways to execute a step, and what each of them needs."""

from collections.abc import Sequence
from operator import le
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.agents import AgentSpec

# Pads rows of arrays: larger than any penalty, so a padding entry is never the minimum.
_PADDING = 1e30
# So many different rows of a class are compared as arrays.
_MANY_ROWS = 16


class LimitUse(NamedTuple):
    """What one call takes of a shared limit: ``amount`` for ``hold`` quanta from its start; None: while it runs."""

    limit: int
    amount: int
    hold: int | None


class ExecutionMode(NamedTuple):
    """One way to execute a step: an agent on any node of a group.

    ``lag`` is the longest transfer time of the output to another node, ``lags`` the one to another node of each group
    if links differ. ``in_flight`` modes continue a running or finished
    attempt: they start at 0, whatever their parents do. ``requires`` holds (step, modes of it) pairs: an attempt in
    flight is the same work only if these steps have one of these modes; other modes require nothing.
    """

    agent: AgentSpec
    group: int
    duration: int
    usd: float
    lag: int
    demand: int
    amounts: tuple[int, ...]
    uses: tuple[LimitUse, ...] = ()
    in_flight: bool = False
    requires: tuple[tuple[int, frozenset[int]], ...] = ()
    lags: tuple[int, ...] = ()

    def lag_to(self, group: int) -> int:
        """The transfer time of the output to another node of this group."""
        return self.lags[group] if self.lags else self.lag

    def needs_no_more_than(self, other: "ExecutionMode") -> bool:
        """Whether this mode can start wherever and whenever the other can, provided it takes no longer."""
        return (
            self.group == other.group
            and self.lag <= other.lag
            and (self.lags == other.lags or all(map(le, self.lags, other.lags)))
            and (not self.uses or self.uses == other.uses)
            and (self.amounts == other.amounts or all(map(le, self.amounts, other.amounts)))
        )


class ModeTable:
    """The modes that list scheduling chooses from: new attempts that no other mode dominates, also as arrays.

    ``index`` maps a row to the modes of the problem. ``duration`` and ``usd`` have one row a step, padded with modes
    that never win; ``exists`` tells which are real. ``shortest``: the least duration in each row.
    """

    def __init__(self, modes: Sequence[Sequence[ExecutionMode]], step_classes: Sequence[Sequence[int]]) -> None:
        self.index: list[list[int]] = [[] for _ in modes]
        for members in step_classes:
            new = [mode for mode in modes[members[0]] if not mode.in_flight]
            rows = [modes[step] for step in members]
            for step, index in zip(members, _non_dominated_of(rows, _dominators(new)), strict=True):
                self.index[step] = index
        self.modes = [[row[i] for i in index] for row, index in zip(modes, self.index, strict=True)]
        self.rows = np.arange(len(modes))
        self.counts = [len(row) for row in self.modes]
        self.duration = self.padded([[mode.duration for mode in row] for row in self.modes])
        self.exists: NDArray[np.bool_] = np.arange(self.duration.shape[1]) < np.array(self.counts)[:, None]
        self.shortest: list[float] = self.duration.min(axis=1).tolist()
        self.usd = self.padded([[mode.usd for mode in row] for row in self.modes])

    def padded(self, rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
        """One value a mode as an array. A row without modes (its step continues an attempt) is all zeros."""
        width = max([1, *map(len, rows)])
        padding = [_PADDING] * width
        padded = [[*row, *padding[len(row) :]] if row else [0.0] * width for row in rows]
        return np.array(padded, dtype=np.float64).reshape(len(rows), width)


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


def _non_dominated_of(
    rows: Sequence[Sequence[ExecutionMode]], dominators: Sequence[Sequence[tuple[int, bool]]]
) -> list[list[int]]:
    """The modes to keep of each row of a class."""
    if not any(dominators):
        return [list(range(len(dominators)))] * len(rows)
    different = {id(row[0]): row for row in rows}  # steps that are alike share their modes
    if len(different) < _MANY_ROWS:
        kept = {key: _non_dominated(row, dominators) for key, row in different.items()}
    else:
        kept = dict(zip(different, _non_dominated_in_arrays(tuple(different.values()), dominators), strict=True))
    return [kept[id(row[0])] for row in rows]


def _non_dominated(modes: Sequence[ExecutionMode], dominators: Sequence[Sequence[tuple[int, bool]]]) -> list[int]:
    """The modes to keep; of modes that dominate each other, the first."""
    kept = []
    for k, others in enumerate(dominators):
        own = modes[k].duration, modes[k].usd
        for i, even_if_equal in others:
            duration, usd = modes[i].duration, modes[i].usd
            if duration <= own[0] and usd <= own[1] and (even_if_equal or (duration, usd) != own):
                break
        else:
            kept.append(k)
    return kept


def _non_dominated_in_arrays(
    rows: Sequence[Sequence[ExecutionMode]], dominators: Sequence[Sequence[tuple[int, bool]]]
) -> list[list[int]]:
    """The same for many rows."""
    width = len(dominators)
    duration = np.array([[mode.duration for mode in row[:width]] for row in rows])
    usd = np.array([[mode.usd for mode in row[:width]] for row in rows])
    kept = np.ones(duration.shape, dtype=np.bool_)
    for k, others in enumerate(dominators):
        for i, even_if_equal in others:
            dominates = (duration[:, i] <= duration[:, k]) & (usd[:, i] <= usd[:, k])
            if not even_if_equal:
                dominates &= (duration[:, i] != duration[:, k]) | (usd[:, i] != usd[:, k])
            kept[:, k] &= ~dominates
    patterns: dict[bytes, list[int]] = {}
    return [patterns.setdefault(bytes(row), np.flatnonzero(row).tolist()) for row in kept]
