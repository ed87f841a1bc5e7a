"""The exact optimum of very small problems by exhaustive search: the reference for the solver.

Some optimal schedule is an order of starts in which each step starts as early as the steps before it allow. So the
search branches over the next step, its mode and its node, with non-decreasing starts.
"""

from itertools import pairwise
from typing import NamedTuple

from planners.scheduling.problem.disaggregation import disaggregated
from planners.scheduling.problem.feasibility import within_budget
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.units import unpack


class _Placed(NamedTuple):
    mode: ExecutionMode
    start: int

    @property
    def end(self) -> int:
        return self.start + self.mode.duration


def least_value(problem: Problem, below: float | None = None) -> float | None:
    """The least objective of all schedules within the limits; None if there is none (below ``below``)."""
    search = _Search(disaggregated(problem))
    search.best = below
    search.branch({}, {}, 0, 0.0)
    return search.best if search.found else None


class _Search:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.best: float | None = None
        self.found = False

    def branch(self, placed: dict[int, _Placed], chosen: dict[int, int], since: int, usd: float) -> None:
        """Try every next step after those placed."""
        problem = self.problem
        ends = max((one.end for one in placed.values()), default=0)
        rest = sum(least for step, least in enumerate(problem.min_usd) if step not in placed)
        # Steps that are not placed yet start no earlier than the last one did.
        ends = max([ends, *(since + tail for step, tail in enumerate(problem.min_tails) if step not in placed)])
        late = problem.deadline is not None and ends > problem.deadline
        value = problem.value(ends, usd + rest)
        if late or not within_budget(usd + rest, problem.budget_usd) or (self.best is not None and value >= self.best):
            return
        if len(placed) == len(problem.steps):
            if all(chosen[o] in ok for s, i in chosen.items() for o, ok in problem.modes[s][i].requires):
                self.best, self.found = value, True
            return
        for step in (s for s in range(len(problem.steps)) if s not in placed):
            for index, mode in enumerate(problem.modes[step]):
                if (start := self._start(step, mode, placed)) is not None and start >= since:
                    more = {**placed, step: _Placed(mode, start)}
                    self.branch(more, {**chosen, step: index}, start, usd + mode.usd)

    def _start(self, step: int, mode: ExecutionMode, placed: dict[int, _Placed]) -> int | None:
        if mode.in_flight:
            return 0 if self._fits(mode, 0, placed) else None
        parents = self.problem.parents[step]
        if any(parent not in placed for parent in parents):
            return None
        ready = max((self._arrives(placed[parent], mode) for parent in parents), default=0)
        changes = {ready, *(one.end for one in placed.values())}
        changes |= {one.start + (use.hold or 0) for one in placed.values() for use in one.mode.uses}
        profiles = [self.problem.groups[mode.group].profile, *(limit.profile for limit in self.problem.limits)]
        changes |= {time for profile in profiles for time in profile.times}
        return next(at for at in sorted(changes) if at >= ready and self._fits(mode, at, placed))

    def _arrives(self, parent: _Placed, mode: ExecutionMode) -> int:
        return parent.end + (0 if parent.mode.group == mode.group else parent.mode.lag_to(mode.group))

    def _fits(self, mode: ExecutionMode, start: int, placed: dict[int, _Placed]) -> bool:
        end = start + mode.duration
        room = self.problem.groups[mode.group]
        for dimension, amount in enumerate(mode.amounts):
            there = [
                (one.start, one.end, one.mode.amounts[dimension])
                for one in placed.values()
                if one.mode.group == mode.group
            ]
            held = _pieces(
                room.profile.times, [unpack(packed, self.problem.guard)[dimension] for packed in room.profile.free]
            )
            if amount and not _room(there, held, start, end, amount):
                return False
        return all(self._within_limit(mode, use.limit, start, placed) for use in mode.uses)

    def _within_limit(self, mode: ExecutionMode, limit: int, start: int, placed: dict[int, _Placed]) -> bool:
        if not mode.duration:
            return True
        use = next(use for use in mode.uses if use.limit == limit)
        there = [
            (one.start, one.start + (one.mode.duration if other.hold is None else other.hold), other.amount)
            for one in placed.values()
            for other in one.mode.uses
            if other.limit == limit and one.mode.duration
        ]
        profile = self.problem.limits[limit].profile
        end = start + (mode.duration if use.hold is None else use.hold)
        return _room(there, _pieces(profile.times, profile.free), start, end, use.amount)


def _pieces(times: list[int], free: list[int]) -> list[tuple[int, float, int]]:
    ends = [(at, float(until)) for at, until in pairwise(times)] + [(times[-1], float("inf"))]
    return [(at, until, there) for (at, until), there in zip(ends, free, strict=True)]


def _room(
    taken: list[tuple[int, int, int]], free: list[tuple[int, float, int]], start: int, end: int, amount: int
) -> bool:
    """Whether ``amount`` fits from start to end; usage only changes where something starts."""
    for at in {start, *(s for s, _, _ in taken if start < s < end), *(s for s, _, _ in free if start < s < end)}:
        if at >= end:
            continue
        there = next(room for since, until, room in free if since <= at < until)
        if sum(used for since, until, used in taken if since <= at < until) + amount > there:
            return False
    return True
