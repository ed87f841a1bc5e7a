"""A scheduling problem as arrays, which the compiled kernel reads.

A *cell* is a mode of a step: ``cell_first[step] + index``. A *kind* is what cells of many steps share: an agent on a
group of nodes, with what it takes of shared limits.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.modes import ExecutionMode, LimitUse
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.resource_profile import ResourceProfile

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Packed capacities are signed 64-bit integers there.
_LARGEST_GUARD = 1 << 61


class ProblemArrays(NamedTuple):
    """The arrays. ``x_first[i]`` to ``x_first[i + 1]`` is the range of what belongs to ``i`` in the array after it.

    Resources are numbered: the nodes first, then the shared limits. ``demand`` has the different packed demands; a kind
    that needs nothing of its node has -1 instead of one. ``use_hold`` is -1 where a limit is held while the call runs.
    ``use_slot`` numbers the different pairs of limit and amount, and ``slot_limit`` has the limit of each. Kinds with
    the same number in ``kind_uses`` take the same of limits.
    ``piece_time`` and ``piece_free`` are the free capacity of the resources before anything is placed.
    """

    parent_first: Ints
    parents: Ints
    child_first: Ints
    children: Ints
    cell_first: Ints
    duration: Ints
    usd: Floats
    kind: Ints
    kind_group: Ints
    kind_lag: Ints
    kind_demand: Ints
    kind_quality: Floats
    kind_runs: Ints
    kind_uses: Ints
    use_first: Ints
    use_limit: Ints
    use_amount: Ints
    use_hold: Ints
    use_slot: Ints
    slot_limit: Ints
    table_first: Ints
    table_cells: Ints
    shortest: Floats
    tails: Ints
    group_first: Ints
    group_nodes: Ints
    group_of: Ints
    demand: Ints
    guard: Ints
    piece_first: Ints
    piece_time: Ints
    piece_free: Ints


def arrays_of(problem: Problem) -> ProblemArrays | None:
    """The arrays, made once; None if the numbers are too large, or transfers depend on the pair of nodes."""
    if ProblemArrays not in problem.derived:
        problem.derived[ProblemArrays] = _made(problem)
    arrays: ProblemArrays | None = problem.derived[ProblemArrays]
    return arrays


def _made(problem: Problem) -> ProblemArrays | None:
    guards = [problem.guard, *(limit.profile.guard for limit in problem.limits)]
    if problem.links_differ or max(guards) > _LARGEST_GUARD or not problem.steps:
        return None
    kinds = _Kinds()
    cells = _cells_of(problem, kinds)
    profiles = [problem.groups[group].profile for group in problem.group_of]
    profiles += [limit.profile for limit in problem.limits]
    table = problem.mode_table
    table_first = _firsts(table.counts)
    in_step = table.positions[table.exists]
    arrays = (
        *_rows(problem.parents),
        *_rows(problem.children),
        *cells,
        *kinds.arrays(),
        table_first,
        in_step + np.repeat(cells[0][:-1], table.counts),
        np.array(table.shortest, dtype=np.float64),
        np.array(problem.min_tails, dtype=np.int64),
        *_rows([group.nodes for group in problem.groups]),
        np.array(problem.group_of, dtype=np.int64),
        np.array(list(kinds.demands), dtype=np.int64),
        np.array([guards[0]] * len(problem.nodes) + guards[1:], dtype=np.int64),
        *profile_arrays(profiles),
    )
    return ProblemArrays._make(arrays)


def _cells_of(problem: Problem, kinds: "_Kinds") -> tuple[Ints, Ints, Floats, Ints]:
    """``cell_first``, ``duration``, ``usd`` and ``kind``."""
    modes = problem.modes
    cell_first = _firsts(modes.counts())
    cells = int(cell_first[-1])
    duration, usd, kind = np.empty(cells, np.int64), np.empty(cells), np.empty(cells, np.int64)
    for rows in modes.classes:
        own = cell_first[rows.steps][:, None] + np.arange(len(rows.modes))
        duration[own], usd[own] = rows.duration[rows.row], rows.usd[rows.row]
        kind[own] = _ints(map(kinds.of, rows.modes))
    for step, running in modes.in_flight.items():
        for cell, mode in enumerate(running, int(cell_first[step + 1]) - len(running)):
            duration[cell], usd[cell], kind[cell] = mode.duration, mode.usd, kinds.of(mode)
    return cell_first, duration, usd, kind


class _Kinds:
    """Numbers the kinds of modes."""

    def __init__(self) -> None:
        self.demands: dict[int, int] = {}
        self._known: dict[tuple[object, ...], int] = {}
        self._modes: list[ExecutionMode] = []

    def of(self, mode: ExecutionMode) -> int:
        key = (id(mode.agent), mode.group, mode.lag, mode.demand, mode.uses, mode.in_flight)
        if key not in self._known:
            self._known[key] = len(self._modes)
            self._modes.append(mode)
            if mode.demand:
                self.demands.setdefault(mode.demand, len(self.demands))
        return self._known[key]

    def arrays(self) -> tuple[Ints | Floats, ...]:
        """From ``kind_group`` to ``slot_limit``."""
        modes, slots = self._modes, dict[tuple[int, int], int]()
        of_uses = dict[tuple[LimitUse, ...], int]()
        uses: list[LimitUse] = [use for mode in modes for use in mode.uses]
        use_slot = [slots.setdefault((use.limit, use.amount), len(slots)) for use in uses]
        return (
            _ints(mode.group for mode in modes),
            _ints(mode.lag for mode in modes),
            _ints(self.demands[mode.demand] if mode.demand else -1 for mode in modes),
            np.array([mode.agent.quality for mode in modes], dtype=np.float64),
            _ints(mode.in_flight for mode in modes),
            _ints(of_uses.setdefault(mode.uses, len(of_uses)) for mode in modes),
            _firsts(len(mode.uses) for mode in modes),
            _ints(use.limit for use in uses),
            _ints(use.amount for use in uses),
            _ints(-1 if use.hold is None else use.hold for use in uses),
            _ints(use_slot),
            _ints(limit for limit, _ in slots),
        )


def profile_arrays(profiles: Sequence[ResourceProfile]) -> tuple[Ints, Ints, Ints]:
    """``first`` by resource, times and free amounts of the pieces of all profiles."""
    first = _firsts(len(profile.times) for profile in profiles)
    times = _ints(chain.from_iterable(profile.times for profile in profiles))
    return first, times, _ints(chain.from_iterable(profile.free for profile in profiles))


def _rows(rows: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    first = _firsts(map(len, rows))
    return first, np.fromiter(chain.from_iterable(rows), np.int64, int(first[-1]))


def _firsts(counts: Iterable[int]) -> Ints:
    return np.cumsum([0, *counts], dtype=np.int64)


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, np.int64)
