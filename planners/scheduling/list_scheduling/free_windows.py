"""When a demand fits on the nodes of a group, kept up to date while capacity is reserved.

List scheduling asks for the earliest start on a group many times between two reservations on one of its nodes. Most
questions are answered by two numbers for each node, without a look at its profile: from when on the demand always fits,
and how long the longest free window before that is.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from planners.scheduling.problem.resource_profile import ResourceProfile


class FreeWindows:
    """For each node of a group, by its position there, when a demand fits.

    ``opens``: from when on it always fits. ``gaps``: of the windows before that, none is longer, as far as it lies
    after ``since``. ``soonest`` is the least of ``opens``; no gap after ``from_then`` is longer than ``longest``.
    """

    __slots__ = ("_demand", "_profiles", "from_then", "gaps", "longest", "opens", "since", "soonest")

    def __init__(self, demand: int, profiles: Sequence[ResourceProfile]) -> None:
        """Set up; ``profiles`` are those of the nodes, and stay so."""
        self._demand = demand
        self._profiles = profiles
        self.opens = [0] * len(profiles)
        self.gaps = [0] * len(profiles)
        self.since = [0] * len(profiles)
        self.soonest = self.longest = self.from_then = 0
        for position, profile in enumerate(profiles):
            if len(profile.times) > 1:
                self.released(position)

    def released(self, position: int) -> None:
        """Note that capacity of a node was released: nothing is known of it."""
        self.opens[position] = self.gaps[position] = self.since[position] = 0
        self.soonest, self.from_then = 0, max(self.since)
        self.reserved(position, 0, self._profiles[position].times[-1])

    def reserved(self, position: int, start: int, end: int) -> None:
        """Note that capacity of a node was reserved from start to end."""
        opened = self.opens[position]
        if end <= opened:
            return
        profile, demand = self._profiles[position], self._demand
        times, free, guard = profile.times, profile.free, profile.guard
        since = max(start, opened)
        last = bisect_left(times, end) - 1
        while ((free[last] | guard) - demand) & guard == guard:
            if times[last] <= since:
                return
            last -= 1
        first = last
        while times[first] > since and ((free[first - 1] | guard) - demand) & guard != guard:
            first -= 1
        self.opens[position] = times[last + 1]
        if opened == self.soonest:
            self.soonest = min(self.opens)
        gap = times[first] - opened
        if gap > self.gaps[position]:
            self.gaps[position] = gap
            self.longest = max(self.longest, gap)

    def on(self, position: int, ready: int, duration: int) -> int:
        """The first start on a node from ``ready`` on."""
        opens = self.opens[position]
        if opens <= ready:
            return ready
        if duration <= self.gaps[position] or ready < self.since[position]:
            start = self._in_gap(position, ready, duration)
            return opens if start < 0 else start
        return opens

    def first(self, ready: int, duration: int) -> tuple[int, int]:
        """(start, position): the first start on any node; of equal starts, the first node that opens by then."""
        opens = self.opens
        if self.soonest <= ready:
            for position, opened in enumerate(opens):
                if opened <= ready:
                    return ready, position
        start, at = self.soonest, opens.index(self.soonest)
        if duration > self.longest and ready >= self.from_then:
            return start, at
        for position, gap in enumerate(self.gaps):
            if gap >= duration or ready < self.since[position]:
                found = self._in_gap(position, ready, duration)
                if 0 <= found < start:
                    start, at = found, position
                    if start == ready:
                        break
        return start, at

    def _in_gap(self, position: int, ready: int, duration: int) -> int:
        """The first start on a node from ``ready`` on in a window that ends; -1 if there is none."""
        profile, demand, until = self._profiles[position], self._demand, self.opens[position]
        times, free, guard = profile.times, profile.free, profile.guard
        i, longest, start = bisect_right(times, ready) - 1, 0, -1
        while (at := times[i]) < until:
            if ((free[i] | guard) - demand) & guard == guard:
                if start < 0:
                    start = max(at, ready)
            elif start >= 0:
                if at - start >= duration:
                    return start
                longest = max(longest, at - start)
                start = -1
            i += 1
        self.gaps[position], self.since[position] = longest, ready
        self.longest, self.from_then = max(self.gaps), max(self.since)
        return -1
