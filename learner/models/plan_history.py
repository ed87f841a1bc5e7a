"""Past plans: when to train the plan predictor again, and on which of them.

When the workload changes, requests get other plans and old examples do harm. A drift alarm may be false, and a real
change may be missed, so an alarm is only a *suspected change point*. Every later training fits one predictor to the
plans since the suspected change and one to all plans, and compares their similarity on plans that neither has seen. The
paired differences accumulate over trainings. Once their mean is two standard errors from 0, the change is confirmed
(older plans are no longer used) or dismissed.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from learner.predictor import PlanExample

MIN_NEW_PLANS = 20
_GROWTH = 0.1
# Larger plans and longer requests are not learned from: seconds and memory of fitting, and seconds of every guess, grow
# with their length.
_MAX_STEPS = 40
_MAX_REQUEST_CHARS = 20_000
_MAX_TOTAL_STEPS = 20_000
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


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The input of one training.

    ``examples``: plans since the last confirmed change, oldest first. ``since_suspected_change``: how many of the
    newest may belong to another workload; None without a suspected change. ``differences``: by how much a predictor of
    these alone guessed unseen plans better, in the trainings so far.
    """

    examples: Sequence[PlanExample]
    since_suspected_change: int | None = None
    differences: tuple[float, ...] = ()


class PlanHistory:
    """The newest examples, how many of them are new to the predictor, and the change points among them."""

    def __init__(self, size: int = 2_500) -> None:
        self._size = size
        self._examples: deque[PlanExample] = deque()
        self._total_steps = 0
        self._new = 0
        self._since_confirmed: int | None = None
        self._since_suspected: int | None = None
        self._differences: deque[float] = deque(maxlen=_KEPT_DIFFERENCES)
        self._usual_similarity: float | None = None

    def __len__(self) -> int:
        return len(self._examples)

    def add(self, examples: Iterable[PlanExample]) -> None:
        """Add plans, oldest first. Plans that are empty or too large to learn from are left out."""
        for example in filter(_is_usable, examples):
            self._append(example)
            self._new += 1
            self._since_confirmed = None if self._since_confirmed is None else self._since_confirmed + 1
            self._since_suspected = None if self._since_suspected is None else self._since_suspected + 1

    def suspect_change(self, plans_ago: int = 0) -> None:
        """The workload may have changed ``plans_ago`` plans ago. An earlier suspicion is resolved as it stands."""
        if self._since_suspected is not None:
            if self._since_suspected < _SAME_CHANGE:
                return
            self._resolve(confirmed=bool(self._differences) and fmean(self._differences) > 0)
        self._since_suspected = plans_ago

    def record_evaluation(self, champion: Sequence[float], differences: Iterable[float] = ()) -> None:
        """Add the result of one training: the champion's similarities on unseen plans, and the paired differences.

        Similarities far below the usual ones are an alarm of their own, because a closed gate dispatches nothing and
        cannot raise one.
        """
        if self._has_dropped(champion):
            self.suspect_change(plans_ago=len(champion))
        if self._since_suspected is None or self._since_suspected < _MIN_PLANS_FOR_EVIDENCE:
            return
        self._differences.extend(differences)
        if len(self._differences) < _MIN_DIFFERENCES:
            return
        mean, error = fmean(self._differences), stdev(self._differences) / sqrt(len(self._differences))
        if abs(mean) > _STANDARD_ERRORS * error:
            self._resolve(confirmed=mean > 0)

    @property
    def since_confirmed_change(self) -> int:
        """How many plans to train on: those since the last confirmed change, or all."""
        return len(self._examples) if self._since_confirmed is None else min(self._since_confirmed, len(self._examples))

    @property
    def since_suspected_change(self) -> int | None:
        """Plans since the suspected change; None if no change is suspected."""
        since = self._since_suspected
        return since if since is not None and since < self.since_confirmed_change else None

    def due(self, *, drifting: bool = False) -> bool:
        """Whether to train: after a tenth more plans, at least 20, so that the total cost grows in proportion to them.

        After a suspected change it is a tenth of the plans since then. While guesses fail, 20 plans are enough.
        """
        since = self.since_suspected_change
        relevant = self.since_confirmed_change if since is None else since
        return self._new >= (MIN_NEW_PLANS if drifting else max(MIN_NEW_PLANS, _GROWTH * relevant))

    def begin_training(self) -> TrainingSet:
        """The next training set. All examples now count as learned."""
        self._new = 0
        first = len(self._examples) - self.since_confirmed_change
        return TrainingSet(list(self._examples)[first:], self.since_suspected_change, tuple(self._differences))

    def _append(self, example: PlanExample) -> None:
        self._examples.append(example)
        self._total_steps += len(example.steps)
        while len(self._examples) > self._size or self._total_steps > _MAX_TOTAL_STEPS:
            self._total_steps -= len(self._examples.popleft().steps)

    def _has_dropped(self, champion: Sequence[float]) -> bool:
        """Whether the mean is significantly below the running mean of earlier trainings, which is updated."""
        mean, usual = fmean(champion), self._usual_similarity
        dropped = usual is not None and usual - mean > _DROP_ERRORS * _SIMILARITY_STDEV / sqrt(len(champion))
        self._usual_similarity = mean if usual is None or dropped else usual + _NEWEST_WEIGHT * (mean - usual)
        return dropped

    def _resolve(self, *, confirmed: bool) -> None:
        if confirmed:
            self._since_confirmed = self._since_suspected
        self._since_suspected = None
        self._differences.clear()


def _is_usable(example: PlanExample) -> bool:
    return 0 < len(example.steps) <= _MAX_STEPS and len(example.request) <= _MAX_REQUEST_CHARS
