"""Since when tasks of a kind get other plans than before.

When the workload changes, requests get other plans and old examples do harm. A drift alarm may be false, and a real
change may be missed, so an alarm is only a *suspected change point*. Every later training fits one predictor to the
plans since the suspected change and one to all plans, and compares their similarity on plans that neither has seen. The
paired differences accumulate over trainings. Once their mean is two standard errors from 0, the change is confirmed
(older plans of the kind are no longer used) or dismissed.

Other kinds keep their plans: one kind whose plans nobody can guess says nothing about them.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import fmean, stdev

MIN_NEW_PLANS = 20
# With fewer plans since a suspected change, a predictor of these alone does worse for lack of data: no evidence.
_MIN_PLANS_FOR_EVIDENCE = 60
_KEPT_DIFFERENCES = 80
_MIN_DIFFERENCES = 40
_STANDARD_ERRORS = 2.0
# Standard deviation of the similarity of single guesses; a drop of so many standard errors counts as an alarm.
_SIMILARITY_STDEV = 0.4
_DROP_ERRORS = 3.0
# Weight of the newest mean in the running mean of similarities.
_NEWEST_WEIGHT = 0.3
# With up to so many plans since a suspected change, another alarm is attributed to the same change.
_SAME_CHANGE = 100
# Training is due after so many more plans, as a share of those since a suspected change: where there are older plans of
# the kind, which may be outdated, and where there are none, so that there is less to gain.
_GROWTH, _GROWTH_OF_NEW_KIND = 0.1, 0.5


def _surely_positive(differences: Sequence[float]) -> bool:
    """Whether the mean of paired differences is two standard errors above 0."""
    return fmean(differences) > _STANDARD_ERRORS * stdev(differences) / sqrt(len(differences))


class KindHistory:
    """The plans of one kind of task: how many are known, how many of them are new, and the change points among them."""

    def __init__(self) -> None:
        self.plans = self.new = 0
        self.differences: deque[float] = deque(maxlen=_KEPT_DIFFERENCES)
        self._since_confirmed: int | None = None
        self._since_suspected: int | None = None
        self._usual_similarity: float | None = None

    def add(self) -> None:
        """Count a plan."""
        self.plans += 1
        self.new += 1
        self._since_confirmed = None if self._since_confirmed is None else self._since_confirmed + 1
        self._since_suspected = None if self._since_suspected is None else self._since_suspected + 1

    @property
    def used(self) -> int:
        """How many of its plans to train on: those since the last confirmed change, or all."""
        return self.plans if self._since_confirmed is None else min(self._since_confirmed, self.plans)

    @property
    def since_suspected_change(self) -> int | None:
        """Plans since the suspected change; None if no change is suspected, or no older plans are used."""
        since = self._since_suspected
        return since if since is not None and since < self.used else None

    def due(self, *, drifting: bool) -> bool:
        """Whether there are enough new plans to train again because guesses at the kind fail."""
        growth = _GROWTH if self.since_suspected_change is not None else _GROWTH_OF_NEW_KIND
        fails = drifting or self.since_suspected_change is not None
        return fails and self.new >= max(MIN_NEW_PLANS, growth * (self._since_suspected or 0))

    def suspect_change(self, plans_ago: int = 0) -> None:
        """It may have changed ``plans_ago`` plans ago. An earlier suspicion is resolved as it stands."""
        if self._since_suspected is not None:
            if self._since_suspected < _SAME_CHANGE:
                return
            self._resolve(confirmed=bool(self.differences) and fmean(self.differences) > 0)
        self._since_suspected = plans_ago

    def record_champion(self, similarities: Sequence[float]) -> None:
        """Similarities of the predictor in use on unseen plans.

        If they are far below the usual ones, that is an alarm of its own, because a closed gate dispatches nothing and
        cannot raise one.
        """
        if self._has_dropped(similarities):
            self.suspect_change(plans_ago=len(similarities))

    def record_differences(self, differences: Iterable[float]) -> None:
        """By how much a predictor of the plans since the suspected change did better, per unseen plan."""
        if self._since_suspected is None or self._since_suspected < _MIN_PLANS_FOR_EVIDENCE:
            return
        self.differences.extend(differences)
        if len(self.differences) < _MIN_DIFFERENCES:
            return
        better = _surely_positive(self.differences)
        if better or _surely_positive([-difference for difference in self.differences]):
            self._resolve(confirmed=better)

    def _has_dropped(self, similarities: Sequence[float]) -> bool:
        """Whether the mean is significantly below the running mean of earlier trainings, which is updated."""
        mean, usual = fmean(similarities), self._usual_similarity
        dropped = usual is not None and usual - mean > _DROP_ERRORS * _SIMILARITY_STDEV / sqrt(len(similarities))
        self._usual_similarity = mean if usual is None or dropped else usual + _NEWEST_WEIGHT * (mean - usual)
        return dropped

    def _resolve(self, *, confirmed: bool) -> None:
        if confirmed:
            self._since_confirmed = self._since_suspected
        self._since_suspected = None
        self.differences.clear()
