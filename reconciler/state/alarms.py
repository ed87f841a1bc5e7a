"""When the waiting attempts of a run are over by themselves."""

import heapq

from planners.model import AttemptId, StepId
from reconciler.state.events import AnsweredEarly


class Waits:
    """When the waiting attempts of a run end by themselves.

    Attributes:
        unknown: those that cannot tell how long to wait.
        heard_s: attempt -> when its last heartbeat came.
        early: step -> the message that came before it began to wait.
    """

    def __init__(self) -> None:
        self.unknown: set[AttemptId] = set()
        self.heard_s: dict[AttemptId, float] = {}
        self.early: dict[StepId, AnsweredEarly] = {}
        self._due: list[tuple[float, AttemptId]] = []

    def add(self, attempt: AttemptId, due_s: float) -> None:
        """It is looked at then, if it still waits."""
        heapq.heappush(self._due, (due_s, attempt))

    def take_due(self, now_s: float) -> list[AttemptId]:
        """Those that are due and were not taken before, once each."""
        due = []
        while self._due and self._due[0][0] <= now_s:
            due.append(heapq.heappop(self._due)[1])
        return list(dict.fromkeys(due))
