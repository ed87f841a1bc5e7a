"""What is known of one kind of task: how its claims were kept, how long its optimal plans took, whether it drifts."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from learner.calibration import isotonic
from learner.drift import DriftMonitor
from reconciler.gate import Calibration, Guidance

_AFTER_DRIFT = 30


class Kind:
    """Bounded windows over one kind of task."""

    def __init__(self, claims: int = 512, plans: int = 128) -> None:
        self.drift = DriftMonitor()
        self._claims: deque[tuple[float, bool]] = deque(maxlen=claims)
        self._plans_s: deque[float] = deque(maxlen=plans)
        self._guidance: Guidance | None = None

    def guessed(self, claimed: float, promised: float, *, survived: bool) -> None:
        """A guess has its verdict. When the world has changed, what was claimed before no longer counts."""
        self._guidance = None
        self._claims.append((claimed, survived))
        alarms = self.drift.alarms
        self.drift.observe(promised, survived=survived)
        if self.drift.alarms > alarms:
            newest = list(self._claims)[-_AFTER_DRIFT:]
            self._claims.clear()
            self._claims.extend(newest)

    def worked(self) -> None:
        """Work that was no guess has ended."""
        self._guidance = None
        self.drift.tick()

    def planned(self, seconds: float) -> None:
        """An optimal plan took this long."""
        self._guidance = None
        self._plans_s.append(seconds)

    @property
    def claims(self) -> Iterator[tuple[float, bool]]:
        """The newest claims and whether they were kept."""
        return iter(self._claims)

    def guidance(self) -> Guidance:
        """For the gate; worked out anew only when something has changed."""
        if self._guidance is None:
            p50_s, p90_s = np.quantile(self._plans_s, (0.5, 0.9)).tolist() if self._plans_s else (None, None)
            throttle = self.drift.throttle
            self._guidance = Guidance(
                plan_p50_s=p50_s,
                plan_p90_s=p90_s,
                calibration=calibration_of(self._claims),
                throttle=throttle.factor,
                closed=throttle.closed,
            )
        return self._guidance


def calibration_of(claims: deque[tuple[float, bool]]) -> Calibration:
    """The isotonic map of these claims; the identity without any."""
    if not claims:
        return Calibration()
    return isotonic([claimed for claimed, _ in claims], [kept for _, kept in claims])
