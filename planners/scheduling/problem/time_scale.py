"""Seconds as integers: quanta of one millisecond, or coarser for very long work."""

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

_FINEST_S = 0.001
_MAX_QUANTA = 1e9
# Seconds that are whole milliseconds but for rounding errors do not round to the next one.
_ROUNDING = 1e-6
# No time lies later: a thousand objective units for each of so many quanta are far below 2^63.
_LATEST = 1e14
# No attempt takes longer (30 years): keeps sums finite whatever a cost model or a declaration says.
MAX_DURATION_S = 1e9


class TimeScale:
    """Convert seconds to quanta. All work, ``work_s``, takes at most 10^9 quanta."""

    def __init__(self, work_s: float, steps: int) -> None:
        self.quantum_s = _FINEST_S * max(1, ceil(work_s / _FINEST_S / _MAX_QUANTA))
        self._longest = _LATEST / max(1, steps)

    def up(self, seconds: float) -> int:
        """Quanta, rounded up."""
        return ceil(min(seconds / self.quantum_s, _LATEST) - _ROUNDING)

    def down(self, seconds: float) -> int:
        """Quanta, rounded down."""
        return floor(min(seconds / self.quantum_s, _LATEST) + _ROUNDING)

    def span(self, seconds: float) -> int:
        """Quanta of a transfer or a rate window, rounded up, and cut so that one for each step stays countable."""
        return min(self.up(seconds), int(self._longest))

    def duration(self, seconds: float) -> int:
        """Quanta of an attempt, at least one: also an attempt that takes no time needs its resources and its call."""
        return max(1, self.up(seconds))

    def durations(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same for every entry of a matrix, as whole floats."""
        return np.maximum(1.0, np.ceil(seconds / self.quantum_s - _ROUNDING))


def duration_s(mean_s: float, speed: float, cold_start_s: float = 0.0) -> float:
    """The seconds of an attempt on a node of this speed; ``mean_s`` is for a node of speed 1."""
    return min(mean_s / speed + cold_start_s, MAX_DURATION_S)
