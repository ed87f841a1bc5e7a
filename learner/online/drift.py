"""Has the world changed? How far the gate is throttled, by what became of the newest guesses at one kind of task.

A Bayes filter over few hypotheses "guesses survive r times as often as promised", r from 1 down to 0.05, each verdict
weighing them by its likelihood r*p or 1 - r*p. Before each verdict a small share of all weight starts over (fixed
share, Herbster and Warmuth 1998; with two hypotheses it is Shiryaev's 1963 rule for a change at an unknown moment), so
that a change is noticed within few verdicts however long the good time before it was, and undone as soon. The throttle
is the mean of r: promises times throttle are about kept. No r is above 1: only broken promises throttle.
"""

from dataclasses import dataclass

from planners.model import Model

# Nothing is so certain that one verdict could refute it beyond doubt.
_SUREST = 0.95
# Of all weight, what starts over when a closed gate is tried again.
_RETRIED = 0.45


class DriftSettings(Model):
    """When to throttle and when to let go.

    ``ratios``: kept over promised, one hypothesis each, the first 1. ``doubt``: what the others weigh together at the
    start. ``share``: of all weight, what starts over before a verdict. ``alarms_below``: throttle that counts as drift;
    ``calms_above``: throttle that ends it. ``closes_below``: throttle under which the gate closes; ``reopens_after``:
    pieces of work in a row, none of them a guess, after which a closed gate is tried again.
    """

    ratios: tuple[float, ...] = (1.0, 0.6, 0.3, 0.05)
    doubt: float = 0.1
    share: float = 0.03
    alarms_below: float = 0.5
    calms_above: float = 0.8
    closes_below: float = 0.4
    reopens_after: int = 50


@dataclass(frozen=True, slots=True)
class Throttle:
    """What the gate is told: the factor on P, and whether it is closed."""

    factor: float = 1.0
    closed: bool = False


class DriftMonitor:
    """Watches one kind of task. Constant memory and time per outcome.

    ``suspects``: guesses since the throttle was last as good as open, so those that what is amiss shows in.
    """

    def __init__(self, settings: DriftSettings | None = None) -> None:
        self._settings = settings or DriftSettings()
        others = len(self._settings.ratios) - 1
        self._start = (1 - self._settings.doubt, *[self._settings.doubt / others] * others)
        self._weights = self._start
        self._idle = 0
        self.alarms = self.suspects = 0
        self.drifting = False

    @property
    def throttle(self) -> Throttle:
        """Kept over promised of late: 1 while nothing speaks against the promises."""
        factor = min(1.0, self._mean / self._mean_at_start)
        return Throttle(factor, closed=factor < self._settings.closes_below)

    def tick(self) -> None:
        """Work of this kind went by that says nothing on guesses: a closed gate comes nearer to being tried again."""
        self._idle += 1
        if self._idle >= self._settings.reopens_after and self.throttle.closed:
            self._weights = _mixed(self._weights, self._start, _RETRIED)
            self._idle = 0

    def observe(self, promised: float, *, survived: bool, weight: float = 1.0) -> None:
        """Take in what became of a guess that was promised to survive with this probability.

        ``weight`` below 1 is for guesses that share the fate of others: their likelihood is raised to that power.
        """
        self._idle = 0
        self.suspects += 1
        promised = min(promised, _SUREST)
        likely = [(r * promised if survived else 1 - r * promised) ** weight for r in self._settings.ratios]
        weights = _mixed(self._weights, self._start, self._settings.share * weight)
        weighed = [w * p for w, p in zip(weights, likely, strict=True)]
        total = sum(weighed)
        if total > 0:  # a guess that was promised nothing and survived says nothing
            self._weights = tuple(w / total for w in weighed)
        self._judge()

    def _judge(self) -> None:
        factor = self.throttle.factor
        if not self.drifting and factor < self._settings.alarms_below:
            self.drifting = True
            self.alarms += 1
        elif self.drifting and factor > self._settings.calms_above:
            self.drifting = False
        if factor > self._settings.calms_above:
            self.suspects = 0

    @property
    def _mean(self) -> float:
        return sum(w * r for w, r in zip(self._weights, self._settings.ratios, strict=True))

    @property
    def _mean_at_start(self) -> float:
        return sum(w * r for w, r in zip(self._start, self._settings.ratios, strict=True))


def _mixed(a: tuple[float, ...], b: tuple[float, ...], share: float) -> tuple[float, ...]:
    return tuple((1 - share) * x + share * y for x, y in zip(a, b, strict=True))
