"""The probability of each candidate to be the true plan: LightGBM, cross-fitted so that its calibration is honest.

Training asks `fit_ranker`, storage `ranker_from_text`: another kind of ranker fulfils `Ranker` and is chosen here.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Floats
from learner.predictor.errors import CorruptPredictor
from learner.predictor.features import CandidateFeatures

FOLDS = 3
_LEAST_EXAMPLES = 30  # below, a ranker learns noise
_PARAMETERS = {
    "objective": "cross_entropy",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbose": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
}


class Ranker(Protocol):
    """Turns the features of candidates into probabilities. Immutable, so any thread may ask."""

    def probabilities(self, candidates: CandidateFeatures) -> Floats:
        """Probability of each candidate to be the true plan, (candidates,)."""
        ...

    def text(self) -> str:
        """The model as text, for storage."""
        ...


class BoostedRanker:
    """Gradient-boosted trees over the features of a candidate."""

    def __init__(self, booster: lgb.Booster) -> None:
        self._booster = booster

    @classmethod
    def fit(cls, features: Floats, labels: Floats, examples: int, seed: int) -> "BoostedRanker":
        """From features, (candidates, features), and how far each is the true plan, 0..1."""
        parameters = _PARAMETERS | {"seed": seed, "min_data_in_leaf": int(np.clip(len(labels) // 250, 10, 200))}
        rounds = int(np.clip(examples // 8, 30, 60))
        return cls(lgb.train(parameters, lgb.Dataset(features, labels), rounds))

    def probabilities(self, candidates: CandidateFeatures) -> Floats:
        """Probability of each candidate to be the true plan, (candidates,)."""
        return self.of_features(candidates.features)

    def of_features(self, features: Floats) -> Floats:
        """Probabilities by features, (candidates,)."""
        return np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float32)

    def text(self) -> str:
        """The model in LightGBM's text format."""
        return self._booster.model_to_string()


class CrossFitted(NamedTuple):
    """The ranker of all examples, and for each example one that has not seen it. None: nothing to tell apart."""

    ranker: Ranker | None
    of_folds: Sequence[Ranker]
    fold: NDArray[np.int_]

    def left_out(self, example: int, candidates: CandidateFeatures) -> Floats:
        """Probabilities of candidates of an example, by the ranker that has not seen it."""
        return self.of_folds[self.fold[example]].probabilities(candidates) if self.ranker else unranked(candidates)


def fit_ranker(candidates: Sequence[CandidateFeatures], truth: Sequence[Floats], seed: int) -> CrossFitted:
    """The ranker and those of the folds. ``truth``: per candidate how far it is the true plan, 0..1."""
    fold = np.random.default_rng(seed).permutation(len(candidates)) % FOLDS
    hits = sum(int(labels.any()) for labels in truth)
    if len(candidates) < _LEAST_EXAMPLES or hits < FOLDS or all(bool(labels.all()) for labels in truth):
        return CrossFitted(None, (), fold)
    features = np.concatenate([one.features for one in candidates])
    labels = np.concatenate(truth)
    row_fold = np.repeat(fold, [len(one.plans) for one in candidates])
    of_folds = [
        BoostedRanker.fit(
            features[row_fold != held_out], labels[row_fold != held_out], len(candidates), seed + held_out
        )
        for held_out in range(FOLDS)
    ]
    return CrossFitted(BoostedRanker.fit(features, labels, len(candidates), seed), of_folds, fold)


def ranker_from_text(text: str) -> Ranker:
    """Inverse of `Ranker.text`.

    Raises:
        CorruptPredictor: LightGBM cannot read it.
    """
    try:
        return BoostedRanker(lgb.Booster(model_str=text))
    except lgb.basic.LightGBMError as error:
        raise CorruptPredictor(f"ranker: {error}") from error


def unranked(candidates: CandidateFeatures) -> Floats:
    """Probabilities without a ranker: the regression's scores of whole plans, with a floor for the others."""
    whole = np.maximum(candidates.whole, 0) + 1e-3
    return np.asarray(whole / max(1.0, float(whole.sum())), dtype=np.float32)
