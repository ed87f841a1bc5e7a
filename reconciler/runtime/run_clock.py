"""The clock of one run: seconds since its admission, on the monotonic clock."""

from reconciler.runtime.ports import Clock


class RunClock:
    """Counts seconds since admission. Steps of the wall clock do not affect it.

    A recovered run continues at the moment of its last recorded event: the time the service was down does not count.
    """

    def __init__(self, clock: Clock, elapsed_s: float = 0.0) -> None:
        self._clock = clock
        self._admitted_s = clock.monotonic_s() - elapsed_s

    @property
    def now_s(self) -> float:
        """Seconds since admission."""
        return max(0.0, self._clock.monotonic_s() - self._admitted_s)
