"""What can run out: places held while an attempt runs, and allowances that time refills."""

import math
from typing import Protocol

# Shorter waits are errors of rounding: the event loop's clock and the allowance's never agree to the last bit.
_NO_WAIT_S = 1e-6


class Capacity(Protocol):
    """One limit that attempts share. ``now_s`` is a monotonic clock's."""

    def wait_s(self, amount: float, now_s: float, left: float = 0.0) -> float:
        """Seconds until there is enough and ``left`` is left over: 0, it is there; infinite, somebody must go first."""
        ...

    def take(self, amount: float, now_s: float) -> None:
        """Take it; the caller has seen that it is there."""
        ...

    def leave(self, amount: float) -> None:
        """Whoever took it has ended."""
        ...

    def give_back(self, amount: float) -> None:
        """It was taken and never used."""
        ...


class Semaphore:
    """So many at once."""

    def __init__(self, places: int) -> None:
        self._free = float(places)

    def wait_s(self, amount: float, now_s: float, left: float = 0.0) -> float:
        """See `Capacity`."""
        return 0.0 if self._free >= amount + left else math.inf

    def take(self, amount: float, now_s: float) -> None:
        """See `Capacity`."""
        self._free -= amount

    def leave(self, amount: float) -> None:
        """See `Capacity`."""
        self._free += amount

    def give_back(self, amount: float) -> None:
        """See `Capacity`."""
        self._free += amount


class TokenBucket:
    """A token bucket: ``rate_per_s`` refills up to ``burst``. Who needs more than a burst waits for a full one and
    leaves a debt, so that the rate holds over time whatever single calls take.
    """

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = self._level = burst
        self._at_s = -math.inf

    def wait_s(self, amount: float, now_s: float, left: float = 0.0) -> float:
        """See `Capacity`."""
        self._refill(now_s)
        wanted = min(amount, self._burst) + left
        if wanted > self._burst:
            return math.inf
        lacking_s = (wanted - self._level) / self._rate_per_s
        return lacking_s if lacking_s > _NO_WAIT_S else 0.0

    def take(self, amount: float, now_s: float) -> None:
        """See `Capacity`."""
        self._refill(now_s)
        self._level -= amount

    def leave(self, amount: float) -> None:
        """What is used up stays used up."""

    def give_back(self, amount: float) -> None:
        """See `Capacity`."""
        self._level = min(self._burst, self._level + amount)

    def _refill(self, now_s: float) -> None:
        if now_s > self._at_s:
            self._level = min(self._burst, self._level + (now_s - self._at_s) * self._rate_per_s)
            self._at_s = now_s
