"""The probability of each candidate to be the true plan: LightGBM, cross-fitted so that its calibration is honest.

Training asks `fit_ranker`, storage `ranker_from_text`: another kind of ranker fulfils `Ranker` and is chosen here.
"""

from collections.abc import Sequence
from typing import Protocol

import lightgbm as lgb
import numpy as np

from learner.predictor.arrays import Floats
from learner.predictor.errors import CorruptPredictor
from learner.predictor.features import CandidateFeatures

FOLDS = 3
_LEAST_EXAMPLES = 30  # below, a ranker learns noise
_COLD = 0.7  # weight of the cold guess beside the scores of known plans, without a ranker
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


def fit_ranker(
    candidates: Sequence[CandidateFeatures], truth: Sequence[Floats], seed: int
) -> tuple[Ranker | None, list[Floats]]:
    """The ranker and, per example, out-of-fold probabilities. No ranker where there is nothing to tell apart.

    ``truth``: per candidate how far it is the true plan, 0..1.
    """
    hits = sum(int(labels.any()) for labels in truth)
    if len(candidates) < _LEAST_EXAMPLES or hits < FOLDS or all(bool(labels.all()) for labels in truth):
        return None, [unranked(one) for one in candidates]
    fold = np.random.default_rng(seed).permutation(len(candidates)) % FOLDS
    features = np.concatenate([one.features for one in candidates])
    labels = np.concatenate(truth)
    row_fold = np.repeat(fold, [len(one.plans) for one in candidates])
    probability = np.zeros(len(labels), dtype=np.float32)
    for held_out in range(FOLDS):
        learn = row_fold != held_out
        ranker = BoostedRanker.fit(features[learn], labels[learn], len(candidates), seed + held_out)
        probability[~learn] = ranker.of_features(features[~learn])
    ends = np.cumsum([len(one.plans) for one in candidates])[:-1]
    return BoostedRanker.fit(features, labels, len(candidates), seed), np.split(probability, ends)


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
    """Probabilities without a ranker: the regression's scores of whole plans, with a floor for the others.

    The cold guess counts by its confidence: where no past request is similar, it is the better one.
    """
    whole = np.maximum(candidates.whole, 0) + _COLD * candidates.cold + 1e-3
    return np.asarray(whole / max(1.0, float(whole.sum())), dtype=np.float32)
