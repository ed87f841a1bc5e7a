"""When the work under way is expected to end, with all that follows it: the latest end without a look at every attempt.

An attempt that has begun ends at the moment its plan says, or now if that is past; one that waits ends its whole
duration from now. What follows takes as long as the longest chain behind the step. So the latest end is the maximum of
three figures that do not change with time, and a heap of each finds it.
"""

import heapq
from collections.abc import Callable, Mapping
from typing import NamedTuple

from planners.model import AttemptId, StepId
from planners.plans import Plan
from reconciler.state.attempts import Attempt

RestS = Callable[[StepId], float]


class _Entry(NamedTuple):
    """An attempt by one of its figures. ``less_s`` is the figure with the opposite sign: a heap has the least first."""

    less_s: float
    attempt: AttemptId
    begun: bool


class ExpectedEnds:
    """The live attempts that a plan holds, by their expected ends. Empty until it is asked for the first time."""

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._planned: list[_Entry] = []  # of begun attempts: when the plan has them end, with what follows
        self._rests: list[_Entry] = []  # of begun attempts: how long what follows takes
        self._waiting: list[_Entry] = []  # of the others: how long they take, with what follows

    def note(self, attempt: Attempt, rest_s: RestS) -> None:
        """Take in an attempt that has changed. ``rest_s``: seconds of the longest chain behind a step."""
        if self._plan is None or not attempt.live or not attempt.verdict:
            return
        rest = rest_s(attempt.step.id)
        if attempt.started_s is None:
            heapq.heappush(self._waiting, _Entry(-attempt.placement.duration_s - rest, attempt.id, begun=False))
            return
        planned_s = attempt.started_s + attempt.placement.duration_s + rest
        heapq.heappush(self._planned, _Entry(-planned_s, attempt.id, begun=True))
        heapq.heappush(self._rests, _Entry(-rest, attempt.id, begun=True))

    def latest_s(
        self, now_s: float, plan: Plan, attempts: Mapping[AttemptId, Attempt], rest_s: RestS, without: Attempt
    ) -> float:
        """Seconds until all live attempts but one have ended, with what follows them; 0 if there are no others.

        Args:
            now_s: seconds since admission.
            plan: that holds the attempts; with another plan than before, all of them are looked at.
            attempts: all attempts of the run.
            rest_s: as in `note`.
            without: the attempt that does not count.
        """
        if plan is not self._plan:
            self._plan = plan
            self._planned, self._rests, self._waiting = [], [], []
            for attempt in attempts.values():
                self.note(attempt, rest_s)
        ends = (
            _greatest(self._planned, attempts, without, now_s),
            _greatest(self._rests, attempts, without, 0.0),
            _greatest(self._waiting, attempts, without, 0.0),
        )
        return max(0.0, *ends)


def _greatest(heap: list[_Entry], attempts: Mapping[AttemptId, Attempt], without: Attempt, since_s: float) -> float:
    """The greatest figure of another attempt, less ``since_s``; 0 if there is none. Drops what holds no more."""
    kept: list[_Entry] = []
    found = 0.0
    while heap:
        entry = heap[0]
        attempt = attempts[entry.attempt]
        if not attempt.live or (attempt.started_s is not None) is not entry.begun:
            heapq.heappop(heap)
        elif entry.attempt == without.id:
            kept.append(heapq.heappop(heap))
        else:
            found = -entry.less_s - since_s
            break
    for entry in kept:
        heapq.heappush(heap, entry)
    return found
