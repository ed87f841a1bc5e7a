"""Past plans of authority: when the predictor is worth training anew, and on which of them.

The world changes: requests begin to get other plans, and old ones are then a burden. Since an alarm may be false, and
one ignored may be true, each is a suspicion under trial: at every training a predictor of the plans since then alone
and one of all plans in use are judged on plans that neither has seen. Their differences add up over trainings, and when
the mean is two standard errors from 0 the suspicion has become certain or is dropped.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from learner.predictor import PlanExample

LEAST_NEW = 20
_GROWTH = 0.1
# Plans since an alarm below which it is no wonder that they alone tell less; differences that count, and the least that
# a trial is decided on; standard errors by which their mean is more than chance.
_TELLING, _LEADS, _LEAST_JUDGED, _ERRORS = 60, 80, 40, 2.0
# Similarities of single guesses spread so wide; so many standard errors are a fall; the newest mean weighs so much.
_SPREAD, _FALL_ERRORS, _NEWEST = 0.4, 3.0, 0.3
# Plans since an alarm up to which a second one is the same alarm.
_SAME_ALARM = 100


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What one training is about: ``examples``, oldest first, since the last certain change.

    ``suspected``: so many of them, the newest, may be of another world. ``leads``: by how much a predictor of these
    alone has guessed unseen plans better so far.
    """

    examples: Sequence[PlanExample]
    suspected: int | None = None
    leads: tuple[float, ...] = ()


class PlanHistory:
    """The newest examples, how many of them the predictor has not learned from yet, and since when they count."""

    def __init__(self, size: int = 2_500) -> None:
        self._examples: deque[PlanExample] = deque(maxlen=size)
        self._new = 0
        self._since_change: int | None = None
        self._suspected: int | None = None
        self._leads: deque[float] = deque(maxlen=_LEADS)
        self._usual: float | None = None

    def __len__(self) -> int:
        return len(self._examples)

    def add(self, examples: Iterable[PlanExample]) -> None:
        """Remember plans, oldest first."""
        for example in examples:
            self._examples.append(example)
            self._new += 1
            self._since_change = None if self._since_change is None else self._since_change + 1
            self._suspected = None if self._suspected is None else self._suspected + 1

    def changed(self, back: int = 0) -> None:
        """The world may have changed ``back`` plans ago. Before, another suspicion is settled as it stands."""
        if self._suspected is not None:
            if self._suspected < _SAME_ALARM:
                return
            self._settle(certain=bool(self._leads) and fmean(self._leads) > 0)
        self._suspected = back

    def judged(self, champion: Sequence[float], leads: Iterable[float] = ()) -> None:
        """One more training: how alike the champion's guesses at unseen plans were, and the differences of a trial.

        Guesses much less alike than usual are an alarm of their own: a gate that expects nothing of them is never
        disappointed. The suspicion is settled when the differences tell.
        """
        if self._fallen(champion):
            self.changed(back=len(champion))
        if self._suspected is None or self._suspected < _TELLING:
            return
        self._leads.extend(leads)
        if len(self._leads) < _LEAST_JUDGED:
            return
        mean, error = fmean(self._leads), stdev(self._leads) / sqrt(len(self._leads))
        if abs(mean) > _ERRORS * error:
            self._settle(certain=mean > 0)

    @property
    def since_change(self) -> int:
        """Plans that count: those since the last certain change, or all."""
        return len(self._examples) if self._since_change is None else min(self._since_change, len(self._examples))

    @property
    def suspected(self) -> int | None:
        """Plans since an alarm that is on trial; None: there is no such alarm."""
        return self._suspected if self._suspected is not None and self._suspected < self.since_change else None

    def due(self, *, drifting: bool = False) -> bool:
        """Whether a tenth more has come in, and at least 20: the cost of all refits together stays in proportion.

        A tenth of those since the world changed, where it may have. While guesses fail, 20 are enough: what is new is
        then worth more than what a refit costs.
        """
        matter = self.since_change if self.suspected is None else self.suspected
        return self._new >= (LEAST_NEW if drifting else max(LEAST_NEW, _GROWTH * matter))

    def begin_training(self) -> TrainingSet:
        """What to train on; the examples from now on count as learned."""
        self._new = 0
        count = self.since_change
        return TrainingSet(list(self._examples)[len(self._examples) - count :], self.suspected, tuple(self._leads))

    def _fallen(self, champion: Sequence[float]) -> bool:
        """Whether the mean is below the usual one by more than chance; a fading mean of what was usual goes on."""
        mean, usual = fmean(champion), self._usual
        fallen = usual is not None and usual - mean > _FALL_ERRORS * _SPREAD / sqrt(len(champion))
        self._usual = mean if usual is None or fallen else usual + _NEWEST * (mean - usual)
        return fallen

    def _settle(self, *, certain: bool) -> None:
        if certain:
            self._since_change = self._suspected
        self._suspected = None
        self._leads.clear()
