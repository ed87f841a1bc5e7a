"""When the waiting attempts of a run are over by themselves."""

import heapq

from planners.model import AttemptId


class Waits:
    """When the waiting attempts of a run end by themselves. ``unknown``: those that cannot tell how long to wait."""

    def __init__(self) -> None:
        self.unknown: set[AttemptId] = set()
        self._due: list[tuple[float, AttemptId]] = []

    def add(self, attempt: AttemptId, due_s: float) -> None:
        """It ends then, if it has not been answered."""
        heapq.heappush(self._due, (due_s, attempt))

    def take_due(self, now_s: float) -> list[AttemptId]:
        """Those that are due and were not taken before."""
        due = []
        while self._due and self._due[0][0] <= now_s:
            due.append(heapq.heappop(self._due)[1])
        return due
