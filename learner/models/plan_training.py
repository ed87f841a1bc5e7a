"""Training the plan predictor, and whether the new one is better than the one in use."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from learner.models.plan_history import LEAST_NEW, TrainingSet
from learner.models.plans import mean_similarity, similarities
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor

_UNSEEN_SHARE = 0.1
_MOST_UNSEEN = 100
# After an alarm a predictor is judged before it is fitted with its judges as well: it may seem to fall so much short.
_NOISE = 0.05


@dataclass(frozen=True, slots=True)
class TrainedPredictor:
    """A challenger and its similarity on examples that neither it nor the champion has seen.

    ``champion``: the champion's on each of them. ``margin``: by how much it may fall short. ``leads``: on each,
    by how much a predictor of the plans since an alarm alone did better than one of all; empty without an alarm.
    """

    predictor: TrainedPlanPredictor
    similarity: float
    champion: tuple[float, ...]
    margin: float = 0.0
    leads: tuple[float, ...] = ()

    @property
    def champion_similarity(self) -> float:
        """The champion's mean."""
        return fmean(self.champion)

    @property
    def better(self) -> bool:
        """No worse is good enough: it knows what is newer."""
        return self.similarity >= self.champion_similarity - self.margin


def train_predictor(
    syllabus: TrainingSet, catalog: Sequence[ToolText], champion: TrainedPlanPredictor, seed: int = 0
) -> TrainedPredictor:
    """Fit on all but the newest tenth, judge on that; after an alarm with and without what was before it."""
    examples, suspected = syllabus.examples, syllabus.suspected
    if suspected is not None and suspected >= LEAST_NEW:
        return _after_an_alarm(examples, suspected, syllabus.leads, catalog, champion, seed)
    unseen = min(_MOST_UNSEEN, max(1, int(_UNSEEN_SHARE * len(examples))))
    challenger, judges = TrainedPlanPredictor.fit(examples[:-unseen], catalog, seed=seed), examples[-unseen:]
    return TrainedPredictor(
        challenger, mean_similarity(challenger, judges), tuple(similarities(champion, judges).tolist())
    )


def _after_an_alarm(  # noqa: PLR0913, PLR0917 - what a syllabus holds, and what `train_predictor` was given
    examples: Sequence[PlanExample],
    suspected: int,
    leads: tuple[float, ...],
    catalog: Sequence[ToolText],
    champion: TrainedPlanPredictor,
    seed: int,
) -> TrainedPredictor:
    """The better of two predictors, going by all judgements since the alarm; then fitted with the newest as well.

    The newest are what matters now, and few: to be judged by them is one thing, to do without them another.
    """
    unseen = min(LEAST_NEW, suspected // 2)
    known, judges = examples[:-unseen], examples[-unseen:]
    of_alone, of_all, of_champion = (
        similarities(predictor, judges)
        for predictor in (
            TrainedPlanPredictor.fit(known[unseen - suspected :], catalog, seed=seed),
            TrainedPlanPredictor.fit(known, catalog, seed=seed),
            champion,
        )
    )
    newest = tuple((of_alone - of_all).tolist())
    alone = fmean([*leads, *newest]) > 0
    whole = TrainedPlanPredictor.fit(examples[-suspected:] if alone else examples, catalog, seed=seed)
    rival = of_alone if alone else of_all
    return TrainedPredictor(whole, float(rival.mean()), tuple(of_champion.tolist()), _NOISE, newest)
