"""Statistics by kind of task: how claims were calibrated, how long plans took, drift, and whether guessing pays."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from learner.online.claim_calibration import fit_logistic_calibration
from learner.online.drift import DriftMonitor
from learner.online.lru import LruDict
from learner.online.risk_ratio import RiskRatio
from learner.online.speculation_worth import SpeculationWorth
from learner.online.usable_outcomes import claimed_probability, gate_probability
from reconciler.gate import Calibration, Guidance
from reconciler.state.outcomes import Outcome

# Claims kept at least when drift is detected: a calibration from fewer is noise.
_MIN_CLAIMS_AFTER_DRIFT = 60
# Tasks of a kind whose guesses are counted; later guesses of a task weigh less.
_COUNTED_TASKS = 64
# Claims of all kinds, for kinds without statistics of their own.
_POOLED_CLAIMS = 2_000
# Tasks known to have reported their planning time, which each attempt of a task repeats.
_TASKS_WITH_PLANNING_TIME = 10_000


class _Claim(NamedTuple):
    """A claimed probability and what became of the guess. The k-th guess of a task has the weight 1/k.

    One wrong step invalidates those that depend on it.
    """

    claimed: float
    survived: bool
    weight: float


_Claims = deque[_Claim]


class TaskKindStatistics:
    """Bounded windows over one kind of task."""

    def __init__(self, claims: int = 512, plans: int = 128) -> None:
        self.drift = DriftMonitor()
        self.worth = SpeculationWorth()
        self.risk = RiskRatio()
        self.newest: _Claim | None = None
        self._claims: _Claims = deque(maxlen=claims)
        self._plans_s: deque[float] = deque(maxlen=plans)
        self._guesses_by_task: LruDict[str, int] = LruDict(_COUNTED_TASKS)
        self._guidance: Guidance | None = None

    def observe_guess(self, claimed: float, predicted: float, *, survived: bool, task: str = "") -> bool:
        """Update with the verdict on a guess; return whether it raised a drift alarm.

        After an alarm, claims from before the drift no longer count.
        """
        self._guidance = None
        self.newest = _Claim(claimed, survived, 1 / self._guess_number(task))
        self._claims.append(self.newest)
        alarms = self.drift.alarms
        self.drift.observe_guess(predicted, survived=survived, weight=self.newest.weight)
        if alarmed := self.drift.alarms > alarms:
            newest = list(self._claims)[-max(_MIN_CLAIMS_AFTER_DRIFT, self.drift.since_stable) :]
            self._claims.clear()
            self._claims.extend(newest)
        return alarmed

    def observe_confirmed(self) -> None:
        """An attempt that was no guess ended."""
        self._guidance = None
        self.drift.observe_confirmed()
        self.worth.observe_confirmed()

    def observe_planning(self, seconds: float) -> None:
        """An optimal plan took this long."""
        self._guidance = None
        self._plans_s.append(seconds)

    def guidance(self) -> Guidance:
        """What the gate needs, cached until something changes."""
        if self._guidance is None:
            p50_s, p90_s = np.quantile(self._plans_s, (0.5, 0.9)).tolist() if self._plans_s else (None, None)
            throttle = self.drift.throttle
            self._guidance = Guidance(
                plan_p50_s=p50_s,
                plan_p90_s=p90_s,
                calibration=_calibration(self._claims),
                risk_ratio=self.risk.value,
                throttle=throttle.factor,
                closed=throttle.closed or not self.worth.pays,
            )
        return self._guidance

    def _guess_number(self, task: str) -> int:
        if not task:
            return 1
        number = self._guesses_by_task.get(task, 0) + 1
        self._guesses_by_task.put(task, number)
        return number


class TaskKinds:
    """Statistics of at most ``max_kinds`` kinds of task, those used last, and guidance for all others."""

    def __init__(self, max_kinds: int) -> None:
        self._kinds: LruDict[str, TaskKindStatistics] = LruDict(max_kinds)
        self._pooled: _Claims = deque(maxlen=_POOLED_CLAIMS)
        self._risk = RiskRatio()  # of all kinds
        self._planned_tasks: LruDict[str, None] = LruDict(_TASKS_WITH_PLANNING_TIME)

    def observe(self, outcome: Outcome) -> int | None:
        """Update with an outcome. If that raises a drift alarm: how many guesses ago the drift began."""
        kind = self._kinds.touch(outcome.task_kind, TaskKindStatistics)
        if outcome.planning_s is not None and outcome.task not in self._planned_tasks:
            kind.observe_planning(outcome.planning_s)
            self._planned_tasks.put(outcome.task, None)
        if not outcome.speculative:
            kind.observe_confirmed()
            return None
        kind.worth.observe(outcome)
        kind.risk.observe(outcome)
        self._risk.observe(outcome)
        claimed, survived = claimed_probability(outcome), outcome.verdict.survives
        alarmed = kind.observe_guess(claimed, gate_probability(outcome), survived=survived, task=outcome.task)
        if kind.newest is not None:
            self._pooled.append(kind.newest)
        return kind.drift.since_stable if alarmed else None

    @property
    def drifting(self) -> frozenset[str]:
        """The kinds that drift at the moment."""
        return frozenset(name for name, kind in self._kinds.items() if kind.drift.drifting)

    def __iter__(self) -> Iterator[tuple[str, TaskKindStatistics]]:
        return iter(self._kinds.items())

    def guidance(self) -> dict[str, Guidance]:
        """Kind -> guidance for the gate."""
        return {name: kind.guidance() for name, kind in self._kinds.items()}

    def default_guidance(self) -> Guidance:
        """Guidance for kinds without statistics: the calibration and the risk of all guesses together."""
        return Guidance(calibration=_calibration(self._pooled), risk_ratio=self._risk.value)


def _calibration(claims: _Claims) -> Calibration:
    if not claims:
        return Calibration()
    return fit_logistic_calibration(*zip(*claims, strict=True))
