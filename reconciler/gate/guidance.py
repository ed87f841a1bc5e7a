"""The learner's advice to the gate about one kind of task. Defined here because the reconciler does not import it."""

from bisect import bisect_right
from typing import Self

from pydantic import Field, model_validator

from planners.model import Model


class Calibration(Model):
    """A monotone piecewise linear map from a claimed probability to the share that really survived.

    ``claimed`` ascends strictly; beyond its ends the map is flat. Without knots every claim is used as it is.
    """

    claimed: tuple[float, ...] = ()
    observed: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _is_a_monotone_map(self) -> Self:
        if len(self.claimed) != len(self.observed):
            raise ValueError("claimed and observed must have the same length")
        if any(a >= b for a, b in zip(self.claimed, self.claimed[1:], strict=False)):
            raise ValueError("claimed must ascend strictly")
        if any(a > b for a, b in zip(self.observed, self.observed[1:], strict=False)):
            raise ValueError("observed must not descend")
        if any(not 0 <= value <= 1 for value in (*self.claimed, *self.observed)):
            raise ValueError("probabilities lie in 0..1")
        return self

    def of(self, probability: float) -> float:
        """The calibrated probability."""
        if not self.claimed:
            return probability
        right = bisect_right(self.claimed, probability)
        if right == 0:
            return self.observed[0]
        if right == len(self.claimed):
            return self.observed[-1]
        x0, x1 = self.claimed[right - 1 : right + 1]
        y0, y1 = self.observed[right - 1 : right + 1]
        return y0 + (y1 - y0) * (probability - x0) / (x1 - x0)


# Planning times are assumed to vary by at least this share of their median, however few were observed.
_LEAST_SPREAD = 0.2


class Guidance(Model):
    """How well guesses at one kind of task work, and how long its optimal plan takes (None: not known yet).

    ``risk_ratio``: agent-seconds that wrong guesses used, over those that they would have used until the plan was
    complete. It is below 1 where prefixes of a plan contradict guesses, which are then flushed.
    """

    plan_p50_s: float | None = Field(default=None, ge=0)
    plan_p90_s: float | None = Field(default=None, ge=0)
    calibration: Calibration = Calibration()
    risk_ratio: float = Field(default=1.0, ge=0, le=1)
    throttle: float = Field(default=1.0, ge=0, le=1)
    closed: bool = False

    @property
    def trust(self) -> float:
        """P of a guess that the planner itself is certain of; 0 while the gate is closed."""
        return 0.0 if self.closed else self.throttle * self.calibration.of(1.0)

    def expected_plan_s(self, now_s: float, prior_s: float) -> float:
        """When the optimal plan is expected, given that it has not arrived at ``now_s`` (both from admission).

        The median while that lies ahead, then the 90 % quantile, and never sooner than a part of the spread from now:
        an overdue plan may still take a while, and work that becomes ready meanwhile should not wait for it.
        """
        median_s = prior_s if self.plan_p50_s is None else self.plan_p50_s
        late_s = median_s if self.plan_p90_s is None else max(median_s, self.plan_p90_s)
        soonest_s = now_s + max((late_s - median_s) / 4, _LEAST_SPREAD * median_s / 2)
        return max(median_s if now_s < median_s else late_s, soonest_s)
