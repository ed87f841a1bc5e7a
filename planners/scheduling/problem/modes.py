"""One way to do a step, and what it takes."""

from collections.abc import Sequence
from operator import le
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.agents import AgentSpec

# Larger than any penalty: what fills up a row is never first.
_NEVER = 1e30


class Use(NamedTuple):
    """What one call takes of a shared limit: ``amount`` for ``hold`` quanta from its start, None: while it runs."""

    limit: int
    amount: int
    hold: int | None


class ExecutionMode(NamedTuple):
    """One way to do a step: an agent on any node of a group.

    ``requires``: (step, choices of it) pairs that must hold too; only work in flight has any, for it is the same work
    only if its data parents are. ``in_flight`` choices start at 0 whatever their parents do: they have begun.
    """

    agent: AgentSpec
    group: int
    duration: int
    usd: float
    lag: int
    demand: int
    amounts: tuple[int, ...]
    uses: tuple[Use, ...] = ()
    in_flight: bool = False
    requires: tuple[tuple[int, frozenset[int]], ...] = ()

    def takes_no_more(self, other: "ExecutionMode") -> bool:
        """Whether it can start wherever and whenever the other can, as far as it lasts no longer."""
        return (
            self.group == other.group
            and self.lag <= other.lag
            and (not self.uses or self.uses == other.uses)
            and (self.amounts == other.amounts or all(map(le, self.amounts, other.amounts)))
        )


class ModeTable:
    """What list scheduling chooses from: the fresh choices that no other dominates, as rows of arrays too.

    ``index`` names them in the problem, ``slot`` tells which (group, demand) each asks for. Rows of the arrays are
    filled up with options that nobody takes.
    """

    def __init__(self, choices: Sequence[Sequence[ExecutionMode]], kinds: Sequence[Sequence[int]]) -> None:
        self.index: list[list[int]] = [[] for _ in choices]
        self.slot: list[list[int]] = [[] for _ in choices]
        self.slots: dict[tuple[int, int], int] = {}
        for kind in kinds:
            fresh = [choice for choice in choices[kind[0]] if not choice.in_flight]
            slots = [self.slots.setdefault((c.group, c.demand), len(self.slots)) for c in fresh]
            rivals = _rivals(fresh)
            for step in kind:
                self.index[step] = index = _undominated(choices[step], rivals)
                self.slot[step] = [slots[k] for k in index]
        self.choices = [[of[i] for i in index] for of, index in zip(choices, self.index, strict=True)]
        self.rows = np.arange(len(choices))
        self.duration = self.filled([[c.duration for c in of] for of in self.choices])
        self.usd = self.filled([[c.usd for c in of] for of in self.choices])

    def filled(self, rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
        """One figure an option as an array; a row without options (its step goes on with an attempt) is all zeros."""
        width = max([1, *map(len, rows)])
        padding = [_NEVER] * width
        filled = [[*row, *padding[len(row) :]] if row else [0.0] * width for row in rows]
        return np.array(filled, dtype=np.float64).reshape(len(rows), width)


def _rivals(choices: Sequence[ExecutionMode]) -> list[list[tuple[int, bool]]]:
    """Per choice, those that dominate it if they are as quick and as cheap, and whether being so is enough."""
    there: dict[int, list[int]] = {}
    for k, choice in enumerate(choices):
        there.setdefault(choice.group, []).append(k)
    rivals: list[list[int]] = [[] for _ in choices]
    for of in there.values():
        for k in of:
            rivals[k] = [i for i in of if i != k and choices[i].takes_no_more(choices[k])]
    return [[(i, i < k or k not in rivals[i]) for i in of] for k, of in enumerate(rivals)]


def _undominated(choices: Sequence[ExecutionMode], rivals: Sequence[Sequence[tuple[int, bool]]]) -> list[int]:
    """Of choices that dominate each other the first is kept."""
    kept = []
    for k, of in enumerate(rivals):
        mine = choices[k].duration, choices[k].usd
        for i, enough in of:
            duration, usd = choices[i].duration, choices[i].usd
            if duration <= mine[0] and usd <= mine[1] and (enough or (duration, usd) != mine):
                break
        else:
            kept.append(k)
    return kept
