"""Resource profiles: free capacity over time, and the first gap that is large and long enough.

A capacity of several dimensions is one integer: each dimension has a field of bits with a guard bit above it. Demand d
fits into free capacity f exactly if no field of (f with all guards set) - d borrows from its guard.
"""

from bisect import bisect_left, bisect_right

_NEVER = (0, 0)


class ResourceProfile:
    """A step function of time to packed free capacity. ``times[0]`` is 0; the last piece never ends.

    ``known_full`` maps a demand to an interval (from, to) in which it never fits. The entry stays valid while capacity
    is only reserved, so steps that become ready together, as in a fan-out, do not scan the same pieces repeatedly.
    """

    __slots__ = ("free", "guard", "known_full", "times")

    def __init__(self, capacity: int, guard: int) -> None:
        self.times = [0]
        self.free = [capacity]
        self.guard = guard
        self.known_full: dict[int, tuple[int, int]] = {}

    def copy(self) -> "ResourceProfile":
        """An independent copy."""
        other = ResourceProfile.__new__(ResourceProfile)
        other.times = self.times.copy()
        other.free = self.free.copy()
        other.guard = self.guard
        other.known_full = self.known_full.copy()
        return other

    def earliest(self, ready: int, duration: int, demand: int) -> int:
        """The first start from ``ready`` on at which ``demand`` fits for ``duration``; the last piece must fit it."""
        if not duration or not demand:
            return ready
        times, free, guard = self.times, self.free, self.guard
        since, until = self.known_full.get(demand, _NEVER)
        known = since <= ready < until
        start = until if known else ready
        i = bisect_right(times, start) - 1
        if ((free[i] | guard) - demand) & guard != guard:
            i += 1
            while ((free[i] | guard) - demand) & guard != guard:
                i += 1
            start = times[i]
            self.known_full[demand] = (since if known else ready, start)
        pieces = len(times)
        end = start + duration
        while True:
            i += 1
            if i == pieces or times[i] >= end:
                return start
            if ((free[i] | guard) - demand) & guard != guard:
                i += 1
                while ((free[i] | guard) - demand) & guard != guard:
                    i += 1
                start = times[i]
                end = start + duration

    def fits(self, ready: int, latest: int, duration: int, demand: int) -> int:
        """The first such start from ``ready`` to ``latest``, or -1. It looks no further, so it is quicker."""
        if not duration or not demand:
            return ready
        times, free, guard = self.times, self.free, self.guard
        if ready + duration > latest:  # whatever the start, the demand has to fit at ``latest``
            i = bisect_right(times, latest) - 1
            if ((free[i] | guard) - demand) & guard != guard:
                return -1
        since, until = self.known_full.get(demand, _NEVER)
        known = since <= ready < until
        start = until if known else ready
        if start > latest:
            return -1
        i = bisect_right(times, start) - 1
        if ((free[i] | guard) - demand) & guard != guard:
            i += 1
            while times[i] <= latest and ((free[i] | guard) - demand) & guard != guard:
                i += 1
            start = times[i]
            self.known_full[demand] = (since if known else ready, start)
        pieces = len(times)
        while start <= latest:
            end = start + duration
            while True:
                i += 1
                if i == pieces or times[i] >= end:
                    return start
                if ((free[i] | guard) - demand) & guard != guard:
                    break
            i += 1
            while times[i] <= latest and ((free[i] | guard) - demand) & guard != guard:
                i += 1
            start = times[i]
        return -1

    def reserve(self, start: int, end: int, demand: int) -> None:
        """Reserve ``demand`` from start to end; a negative demand releases."""
        if start >= end or not demand:
            return
        if demand < 0:
            self.known_full.clear()
        times, free = self.times, self.free
        first = bisect_left(times, start)
        if first == len(times) or times[first] != start:
            times.insert(first, start)
            free.insert(first, free[first - 1])
        last = bisect_left(times, end, first)
        if last == len(times) or times[last] != end:
            times.insert(last, end)
            free.insert(last, free[last - 1])
        for i in range(first, last):
            free[i] -= demand
        # A call mostly starts when a like one ends: the moment is no boundary then.
        for at in (last, first):
            if at and free[at - 1] == free[at]:
                del times[at], free[at]
