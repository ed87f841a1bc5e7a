"""What is known of one kind of task: how its claims were kept, how long its optimal plans took, whether it drifts."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from learner.online.calibration import isotonic
from learner.online.drift import DriftMonitor
from reconciler.gate import Calibration, Guidance

# Claims that stay at least, when the world has changed: of fewer a calibration is noise.
_AFTER_DRIFT = 60
# Tasks whose guesses are counted, to tell a task's first verdict from those that share its fate.
_TASKS = 64


class TaskKindStatistics:
    """Bounded windows over one kind of task."""

    def __init__(self, claims: int = 512, plans: int = 128) -> None:
        self.drift = DriftMonitor()
        self._claims: deque[tuple[float, bool]] = deque(maxlen=claims)
        self._plans_s: deque[float] = deque(maxlen=plans)
        self._judged: dict[str, int] = {}
        self._guidance: Guidance | None = None

    def guessed(self, claimed: float, promised: float, *, survived: bool, task: str = "") -> bool:
        """A guess has its verdict; whether that makes it plain that the world has changed.

        If so, what was claimed before no longer counts. The k-th guess of a task weighs 1/k as evidence of change: one
        wrong step brings down those behind it.
        """
        self._guidance = None
        self._claims.append((claimed, survived))
        alarms = self.drift.alarms
        self.drift.observe(promised, survived=survived, weight=1 / self._count(task))
        if changed := self.drift.alarms > alarms:
            newest = list(self._claims)[-max(_AFTER_DRIFT, self.drift.suspects) :]
            self._claims.clear()
            self._claims.extend(newest)
        return changed

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

    def _count(self, task: str) -> int:
        if not task:
            return 1
        count = self._judged.pop(task, 0) + 1
        self._judged[task] = count
        if len(self._judged) > _TASKS:
            del self._judged[next(iter(self._judged))]
        return count


def calibration_of(claims: deque[tuple[float, bool]]) -> Calibration:
    """The isotonic map of these claims; the identity without any."""
    if not claims:
        return Calibration()
    return isotonic([claimed for claimed, _ in claims], [kept for _, kept in claims])
