"""Circuit breakers: what does not answer is left alone for a while, then probed by one attempt at a time.

A breaker is a limit like any other, so attempts wait for it in the queues and none is lost. It is *closed* while all is
well, *open* after several failures in a row, and *half-open* when its pause is over: then one attempt is the probe. If
the probe is answered the breaker closes; if not, it opens again, for twice as long.
"""

import math
from enum import StrEnum

from planners.cluster import Outage

# Failures further apart than this are not "in a row".
_FORGET_S = 60.0


class BreakerState(StrEnum):
    """Where a circuit breaker is."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """The circuit breaker of one agent or provider; fulfils `actors.admission.capacity.Capacity`. No clock of its own.

    Attributes:
        opened: how often it has opened.
        probes: how many attempts it has let through as probes.
    """

    def __init__(self, owner: str, *, failures: int = 5, pause_s: float = 1.0, max_pause_s: float = 30.0) -> None:
        """A closed breaker.

        Args:
            owner: whose it is, such as ``provider p``.
            failures: so many in a row open it.
            pause_s: seconds before the first probe; doubled after each probe that fails.
            max_pause_s: no pause is longer.
        """
        self.owner = owner
        self.opened = self.probes = 0
        self._failures = failures
        self._pauses = pause_s, max_pause_s
        self._pause_s = pause_s
        self._seen = 0
        self._last_s = -math.inf
        self._until_s: float | None = None
        self._probing = False
        self._inside = 0

    def state(self, now_s: float) -> BreakerState:
        """Its state at a monotonic time."""
        if self._until_s is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now_s < self._until_s and not self._probing else BreakerState.HALF_OPEN

    def outage(self, now_s: float) -> Outage | None:
        """What is told of it while it is not closed."""
        state = self.state(now_s)
        if state is BreakerState.CLOSED:
            return None
        kind, _, name = self.owner.partition(" ")
        return Outage(kind=kind, name=name, state=state.value)

    def record(self, now_s: float, *, down: bool) -> bool:
        """An attempt has ended. ``down``: nobody has answered it. Returns whether the breaker opens by this."""
        if not down:
            self._until_s, self._probing, self._seen = None, False, 0
            self._pause_s = self._pauses[0]
            return False
        self._seen = self._seen + 1 if now_s - self._last_s <= _FORGET_S else 1
        self._last_s = now_s
        if self._until_s is None:
            if self._seen < self._failures:
                return False
        elif not self._probing:
            return False  # it had begun before
        else:
            self._pause_s = min(self._pauses[1], 2 * self._pause_s)
        self._until_s, self._probing = now_s + self._pause_s, False
        self.opened += 1
        return True

    def wait_s(self, amount: float, now_s: float, left: float = 0.0) -> float:
        """See `Capacity`."""
        if self._until_s is None:
            return 0.0
        return math.inf if self._probing else max(0.0, self._until_s - now_s)

    def take(self, amount: float, now_s: float) -> None:
        """See `Capacity`."""
        self._inside += 1
        if self._until_s is not None:
            self._probing = True
            self.probes += 1

    def release(self, amount: float) -> None:
        """See `Capacity`. A probe that was cancelled has told nothing."""
        self._inside -= 1
        self._probing = self._probing and self._inside > 0

    def refund(self, amount: float) -> None:
        """See `Capacity`."""
        self.release(amount)

    def told(self) -> str:
        """See `Capacity`."""
        return f"{self.owner} does not answer and is being probed" if self._probing else f"{self.owner} does not answer"
