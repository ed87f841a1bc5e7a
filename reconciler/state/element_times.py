"""How long the elements of fan-outs took, and since when others are worked on."""

import heapq
from bisect import insort

from planners.model import StepId
from reconciler.state.fan_outs import Element


class ElementTimes:
    """Of fan-outs that give up stragglers. ``late``: by fan-out, why elements were given up."""

    def __init__(self) -> None:
        self.late: dict[StepId, dict[int, str]] = {}
        self._took_s: dict[StepId, list[float]] = {}
        self._measured: set[Element] = set()
        self._begun: dict[StepId, list[tuple[float, int]]] = {}
        self._listed: set[Element] = set()
        self._alarms: dict[StepId, float] = {}

    def begin(self, element: Element, began_s: float) -> None:
        """Work on an element began at ``began_s``."""
        if element not in self._listed:
            self._listed.add(element)
            heapq.heappush(self._begun.setdefault(element[0], []), (began_s, element[1]))

    def measure(self, element: Element, seconds: float | None) -> None:
        """An element has succeeded; seconds of which nothing is known do not count."""
        if seconds is not None and element not in self._measured:
            self._measured.add(element)
            insort(self._took_s.setdefault(element[0], []), seconds)

    def median_s(self, fan_out: StepId, least: int) -> float | None:
        """The median seconds of the elements that have succeeded; None if they are fewer than ``least``."""
        took = self._took_s.get(fan_out, ())
        middle = len(took) // 2
        if len(took) < least:
            return None
        return took[middle] if len(took) % 2 else (took[middle - 1] + took[middle]) / 2

    def first(self, fan_out: StepId) -> int | None:
        """The element on which work began first, of those that are still watched."""
        begun = self._begun.get(fan_out)
        return begun[0][1] if begun else None

    def leave(self, fan_out: StepId) -> None:
        """Stop watching the first element: it has ended, or an act in it must run to its end."""
        _, number = heapq.heappop(self._begun[fan_out])
        self._listed.discard((fan_out, number))

    def postpone(self, fan_out: StepId, began_s: float) -> bool:
        """Work on the first element began at ``began_s``; returns whether that is later than what was known."""
        known_s, number = self._begun[fan_out][0]
        if began_s > known_s:
            heapq.heapreplace(self._begun[fan_out], (began_s, number))
        return began_s > known_s

    def is_news(self, fan_out: StepId, at_s: float) -> bool:
        """Whether it is new that the fan-out is to be looked at again at ``at_s``."""
        before = self._alarms.get(fan_out)
        self._alarms[fan_out] = at_s
        return at_s != before
