"""Drift detection for one kind of task: how far to throttle the gate, given the verdicts on its newest guesses.

A Bayes filter over a few hypotheses "guesses survive r times as often as predicted", with r from 1 down to 0.05. Each
verdict multiplies a hypothesis by its likelihood, r*p or 1 - r*p. Before each verdict a small share of the weight is
reset to the prior (fixed share, Herbster and Warmuth 1998; with two hypotheses this is Shiryaev's 1963 rule for a
change at an unknown time). A change is therefore detected within a few verdicts, however long the stable period before
it, and so is its end. The throttle is the mean of r, so predictions times throttle match what survives. No r exceeds 1:
only guesses that survive less often than predicted throttle the gate.
"""

from dataclasses import dataclass

from planners.model import Model

# Predictions are capped here, so that no single verdict can rule a hypothesis out.
_MAX_PREDICTED = 0.95
# Share of the weight that is reset to the prior when a closed gate is probed again.
_PROBE_RESET = 0.45


class DriftSettings(Model):
    """When to throttle and when to stop throttling.

    ``ratios``: survival over prediction, one per hypothesis, the first 1. ``drift_prior``: prior weight of all
    hypotheses but the first. ``reset_share``: share of the weight reset to the prior before each verdict.
    ``drift_below`` and ``stable_above``: throttles at which drift starts and ends. ``close_below``: throttle at which
    the gate closes. ``probe_after``: confirmed attempts in a row after which a closed gate is probed again.
    """

    ratios: tuple[float, ...] = (1.0, 0.6, 0.3, 0.05)
    drift_prior: float = 0.1
    reset_share: float = 0.03
    drift_below: float = 0.5
    stable_above: float = 0.8
    close_below: float = 0.4
    probe_after: int = 50


@dataclass(frozen=True, slots=True)
class Throttle:
    """The factor that the gate applies to probabilities, and whether it is closed."""

    factor: float = 1.0
    closed: bool = False


class DriftMonitor:
    """Monitors one kind of task, in constant memory and constant time per outcome.

    ``alarms`` counts how often drift began. ``since_stable`` counts guesses since the throttle was last above
    ``stable_above``: the guesses that show the drift.
    """

    def __init__(self, settings: DriftSettings | None = None) -> None:
        self._settings = settings or DriftSettings()
        others = len(self._settings.ratios) - 1
        self._prior = (1 - self._settings.drift_prior, *[self._settings.drift_prior / others] * others)
        self._weights = self._prior
        self._confirmed_in_a_row = 0
        self.alarms = self.since_stable = 0
        self.drifting = False

    @property
    def throttle(self) -> Throttle:
        """Recent survival over prediction, at most 1."""
        factor = min(1.0, self._mean(self._weights) / self._mean(self._prior))
        return Throttle(factor, closed=factor < self._settings.close_below)

    def observe_confirmed(self) -> None:
        """An attempt that was no guess ended. Enough of them in a row cause a closed gate to be probed again."""
        self._confirmed_in_a_row += 1
        if self._confirmed_in_a_row >= self._settings.probe_after and self.throttle.closed:
            self._weights = _mixed(self._weights, self._prior, _PROBE_RESET)
            self._confirmed_in_a_row = 0

    def observe_guess(self, predicted: float, *, survived: bool, weight: float = 1.0) -> None:
        """Update with the verdict on a guess that was predicted to survive with this probability.

        A ``weight`` below 1 is for guesses that depend on others: their likelihood is raised to that power.
        """
        self._confirmed_in_a_row = 0
        self.since_stable += 1
        predicted = min(predicted, _MAX_PREDICTED)
        likelihoods = [(r * predicted if survived else 1 - r * predicted) ** weight for r in self._settings.ratios]
        weights = _mixed(self._weights, self._prior, self._settings.reset_share * weight)
        joint = [w * p for w, p in zip(weights, likelihoods, strict=True)]
        total = sum(joint)
        if total > 0:  # 0: predicted with probability 0 and survived, which no hypothesis explains
            self._weights = tuple(w / total for w in joint)
        self._update_state()

    def _update_state(self) -> None:
        factor = self.throttle.factor
        if not self.drifting and factor < self._settings.drift_below:
            self.drifting = True
            self.alarms += 1
        elif self.drifting and factor > self._settings.stable_above:
            self.drifting = False
        if factor > self._settings.stable_above:
            self.since_stable = 0

    def _mean(self, weights: tuple[float, ...]) -> float:
        return sum(w * r for w, r in zip(weights, self._settings.ratios, strict=True))


def _mixed(a: tuple[float, ...], b: tuple[float, ...], share: float) -> tuple[float, ...]:
    return tuple((1 - share) * x + share * y for x, y in zip(a, b, strict=True))
