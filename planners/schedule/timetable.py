"""Free capacity over time, and finding the first gap that is wide and long enough.

A capacity of several dimensions is one integer: each dimension has a field of bits with a guard bit above it. Demand d
fits into free f exactly if no field of (f with all guards set) - d borrows from its guard.
"""

from bisect import bisect_left, bisect_right


class Profile:
    """A step function of time to packed free capacity; ``times[0]`` is 0, the last piece lasts for ever."""

    __slots__ = ("_open", "free", "guard", "times")

    def __init__(self, room: int, guard: int) -> None:
        self.times = [0]
        self.free = [room]
        self.guard = guard
        # Demand -> a time before which it never fits; grows while capacity is only taken.
        self._open: dict[int, int] = {}

    def copy(self) -> "Profile":
        """One that can be changed without changing this."""
        twin = Profile.__new__(Profile)
        twin.times = self.times.copy()
        twin.free = self.free.copy()
        twin.guard = self.guard
        twin._open = self._open.copy()  # noqa: SLF001 its own class
        return twin

    def earliest(self, ready: int, duration: int, demand: int) -> int:
        """The first start from ``ready`` on at which ``demand`` fits for ``duration``; demand must fit at the end."""
        if not duration or not demand:
            return ready
        times, free, guard = self.times, self.free, self.guard
        opens = self._open.get(demand, 0)
        start = max(ready, opens)
        i = bisect_right(times, start) - 1
        pieces = len(times)
        if ready <= opens:
            while ((free[i] | guard) - demand) & guard != guard:
                i += 1
                start = times[i]
            self._open[demand] = start
        while True:
            fits = ((free[i] | guard) - demand) & guard == guard
            i += 1
            if not fits:
                start = times[i]
            elif i == pieces or times[i] >= start + duration:
                return start

    def take(self, start: int, end: int, demand: int) -> None:
        """Occupy ``demand`` from start to end (negative: give back)."""
        if start >= end or not demand:
            return
        if demand < 0:
            self._open.clear()
        first, last = self._cut(start), self._cut(end)
        free = self.free
        for i in range(first, last):
            free[i] -= demand

    def _cut(self, at: int) -> int:
        i = bisect_left(self.times, at)
        if i == len(self.times) or self.times[i] != at:
            self.times.insert(i, at)
            self.free.insert(i, self.free[i - 1])
        return i
