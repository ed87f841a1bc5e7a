"""Free capacity over time, and finding the first gap that is wide and long enough.

A capacity of several dimensions is one integer: each dimension has a field of bits with a guard bit above it. Demand d
fits into free f exactly if no field of (f with all guards set) - d borrows from its guard.
"""

from bisect import bisect_left, bisect_right

_NEVER_FULL = (0, 0)


class Profile:
    """A step function of time to packed free capacity; ``times[0]`` is 0, the last piece lasts for ever.

    ``full``: demand -> (from, to): it fits at no time between; stays true while capacity is only taken. Steps that get
    ready at one time, as in a fan-out, need not walk over the same pieces again and again.
    """

    __slots__ = ("free", "full", "guard", "times")

    def __init__(self, room: int, guard: int) -> None:
        self.times = [0]
        self.free = [room]
        self.guard = guard
        self.full: dict[int, tuple[int, int]] = {}

    def copy(self) -> "Profile":
        """One that can be changed without changing this."""
        twin = Profile.__new__(Profile)
        twin.times = self.times.copy()
        twin.free = self.free.copy()
        twin.guard = self.guard
        twin.full = self.full.copy()
        return twin

    def earliest(self, ready: int, duration: int, demand: int) -> int:
        """The first start from ``ready`` on at which ``demand`` fits for ``duration``; demand must fit at the end."""
        if not duration or not demand:
            return ready
        times, free, guard = self.times, self.free, self.guard
        since, until = self.full.get(demand, _NEVER_FULL)
        known = since <= ready < until
        start = until if known else ready
        i = bisect_right(times, start) - 1
        if ((free[i] | guard) - demand) & guard != guard:
            i += 1
            while ((free[i] | guard) - demand) & guard != guard:
                i += 1
            start = times[i]
            self.full[demand] = (since if known else ready, start)
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

    def take(self, start: int, end: int, demand: int) -> None:
        """Occupy ``demand`` from start to end (negative: give back)."""
        if start >= end or not demand:
            return
        if demand < 0:
            self.full.clear()
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
