"""Training of the plan predictor, and whether the new one is better than the one in use."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from learner.models.change_points import MIN_NEW_PLANS
from learner.models.plan_history import TrainingSet
from learner.models.plan_similarity import similarities
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor

_VALIDATION_SHARE = 0.1
_MAX_VALIDATION = 100
# After a suspected change the predictor is fitted to the validation plans as well, after it was evaluated without them.
# It is therefore accepted with a similarity this much lower.
_REFIT_MARGIN = 0.05
# A cold predictor is used instead of a trained one that is worse on at least so many plans, by so many standard errors.
_LEAST_AGAINST_COLD, _STANDARD_ERRORS = 10, 2.0


@dataclass(frozen=True, slots=True)
class PredictorTrainingResult:
    """A challenger and its similarity on plans that neither it nor the champion has seen.

    ``champion_similarities``: the champion's, one per plan, by kind of task. ``margin``: by how much the challenger may
    be lower. ``differences``: per plan of ``kind``, by how much a predictor of the plans since a suspected change did
    better than one of all plans; empty without a suspected change. ``generation`` is that of the champion
    (`ModelStore.generation`).
    """

    predictor: TrainedPlanPredictor
    similarity: float
    champion_similarities: Mapping[str, Sequence[float]]
    margin: float = 0.0
    differences: tuple[float, ...] = ()
    generation: int = 0
    kind: str = ""

    @property
    def champion_similarity(self) -> float:
        """The champion's mean."""
        return fmean(one for similarities in self.champion_similarities.values() for one in similarities)

    @property
    def better(self) -> bool:
        """Whether the challenger replaces the champion. At equal similarity it does, because it knows newer plans."""
        return self.similarity >= self.champion_similarity - self.margin


def train_predictor(
    training_set: TrainingSet,
    catalog: Sequence[ToolText],
    champion: TrainedPlanPredictor,
    seed: int = 0,
    generation: int = 0,
) -> PredictorTrainingResult:
    """Fit to all plans but the newest tenth and evaluate on that. `_train_after_change` handles a suspected change.

    Plans of another planner may make guesses worse than the catalog alone: then a cold predictor is the challenger.
    """
    since_change = training_set.since_suspected_change
    if since_change is not None and since_change >= MIN_NEW_PLANS:
        return _train_after_change(training_set, since_change, catalog, champion, seed, generation)
    examples = training_set.examples
    held_out = min(_MAX_VALIDATION, max(1, int(_VALIDATION_SHARE * len(examples))))
    validation, cold = examples[-held_out:], TrainedPlanPredictor.cold(catalog)
    challenger = TrainedPlanPredictor.fit(examples[:-held_out], catalog, seed=seed)
    evaluated, of_cold = (similarities(predictor, validation) for predictor in (challenger, cold))
    if _is_plainly_better(of_cold - evaluated):
        challenger, evaluated = cold, of_cold
    return PredictorTrainingResult(
        challenger,
        float(evaluated.mean()),
        _by_kind(validation, similarities(champion, validation).tolist()),
        generation=generation,
    )


def _train_after_change(  # noqa: PLR0913, PLR0917 - the arguments of `train_predictor`
    training_set: TrainingSet,
    since_change: int,
    catalog: Sequence[ToolText],
    champion: TrainedPlanPredictor,
    seed: int,
    generation: int,
) -> PredictorTrainingResult:
    """Compare a predictor without the older plans of the kind with one of all plans; fit the better to all it may use.

    The final fit includes the validation plans: they are the newest, and there are too few to do without them.
    """
    examples, kind = training_set.examples, training_set.kind
    of_kind = [at for at, example in enumerate(examples) if example.kind == kind]
    newest = of_kind[-min(MIN_NEW_PLANS, since_change // 2) :]
    older, validation = set(of_kind[:-since_change]), [examples[at] for at in newest]
    of_recent, of_all, of_champion = (
        similarities(predictor, validation)
        for predictor in (
            TrainedPlanPredictor.fit(_without(examples, {*older, *newest}), catalog, seed=seed),
            TrainedPlanPredictor.fit(_without(examples, set(newest)), catalog, seed=seed),
            champion,
        )
    )
    differences = tuple((of_recent - of_all).tolist())
    recent_is_better = fmean([*training_set.differences, *differences]) > 0
    final = TrainedPlanPredictor.fit(_without(examples, older) if recent_is_better else examples, catalog, seed=seed)
    evaluated = of_recent if recent_is_better else of_all
    return PredictorTrainingResult(
        final,
        float(evaluated.mean()),
        {kind: tuple(of_champion.tolist())},
        _REFIT_MARGIN,
        differences,
        generation,
        kind,
    )


def _is_plainly_better(gains: NDArray[np.float64]) -> bool:
    error = float(gains.std()) / sqrt(max(1, len(gains)))
    return len(gains) >= _LEAST_AGAINST_COLD and float(gains.mean()) > _STANDARD_ERRORS * error


def _without(examples: Sequence[PlanExample], left_out: set[int]) -> list[PlanExample]:
    return [example for at, example in enumerate(examples) if at not in left_out]


def _by_kind(examples: Sequence[PlanExample], values: Iterable[float]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for example, value in zip(examples, values, strict=True):
        found.setdefault(example.kind, []).append(value)
    return found
