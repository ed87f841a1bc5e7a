"""The limits that attempts share: semaphores and token buckets."""

import math
from typing import Protocol

# Shorter waits are rounding errors: the clock of the event loop and the bucket's level never agree to the last bit.
_NO_WAIT_S = 1e-6


class Capacity(Protocol):
    """One limit that attempts share. ``now_s`` is a monotonic time."""

    def wait_s(self, amount: float, now_s: float, left: float = 0.0) -> float:
        """Seconds until ``amount`` is available and ``left`` remains. Infinite: an attempt has to end first."""
        ...

    def take(self, amount: float, now_s: float) -> None:
        """Take an amount that the caller knows to be available."""
        ...

    def release(self, amount: float) -> None:
        """The attempt that took it has ended."""
        ...

    def refund(self, amount: float) -> None:
        """It was taken and never used."""
        ...

    def told(self) -> str:
        """How much of it is used, in words, as an attempt sees it that waits for it."""
        ...


class Semaphore:
    """Limits how many attempts run at once, or what they hold together.

    ``owner`` is whose limit it is, ``unit`` what it counts.
    """

    def __init__(self, permits: float, owner: str = "", unit: str = "at once") -> None:
        self._permits = permits
        self._free = float(permits)
        self._owner = owner
        self._unit = unit

    def wait_s(self, amount: float, now_s: float, left: float = 0.0) -> float:
        """See `Capacity`."""
        return 0.0 if self._free >= amount + left else math.inf

    def take(self, amount: float, now_s: float) -> None:
        """See `Capacity`."""
        self._free -= amount

    def release(self, amount: float) -> None:
        """See `Capacity`."""
        self._free += amount

    def refund(self, amount: float) -> None:
        """See `Capacity`."""
        self._free += amount

    def told(self) -> str:
        """See `Capacity`."""
        return f"{self._owner} at {self._permits - self._free:g} of {self._permits:g} {self._unit}"


class Cooldown:
    """Admits nobody until a moment, such as the one that a busy provider named. ``owner`` is the provider."""

    def __init__(self, owner: str = "") -> None:
        self._owner = owner
        self._until_s = -math.inf

    def extend(self, until_s: float) -> None:
        """Wait at least until then."""
        self._until_s = max(self._until_s, until_s)

    def wait_s(self, amount: float, now_s: float, left: float = 0.0) -> float:
        """See `Capacity`."""
        lacking_s = self._until_s - now_s
        return lacking_s if lacking_s > _NO_WAIT_S else 0.0

    def take(self, amount: float, now_s: float) -> None:
        """See `Capacity`. Nothing is used up."""

    def release(self, amount: float) -> None:
        """See `Capacity`."""

    def refund(self, amount: float) -> None:
        """See `Capacity`."""

    def told(self) -> str:
        """See `Capacity`."""
        return f"{self._owner} asked to wait"


class TokenBucket:
    """Limits a rate: refills at ``rate_per_s`` up to ``burst``.

    An amount above ``burst`` waits for a full bucket and leaves it negative, so the rate holds over time. ``owner`` is
    the provider whose limit it is, ``unit`` what it counts.
    """

    def __init__(self, rate_per_s: float, burst: float, owner: str = "", unit: str = "requests") -> None:
        self._rate_per_s = rate_per_s
        self._owner = owner
        self._unit = unit
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

    def release(self, amount: float) -> None:
        """Tokens are used up; only time refills them."""

    def refund(self, amount: float) -> None:
        """See `Capacity`."""
        self._level = min(self._burst, self._level + amount)

    def told(self) -> str:
        """See `Capacity`. Whoever waits finds the whole rate in use."""
        rate, period = (self._rate_per_s, "second") if self._rate_per_s > 1 else (60 * self._rate_per_s, "minute")
        return f"{self._owner} at {rate:,.6g} of {rate:,.6g} {self._unit} a {period}"

    def _refill(self, now_s: float) -> None:
        if now_s > self._at_s:
            self._level = min(self._burst, self._level + (now_s - self._at_s) * self._rate_per_s)
            self._at_s = now_s
