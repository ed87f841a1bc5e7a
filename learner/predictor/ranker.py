"""How probable each candidate is to be the true plan: LightGBM, cross-fitted so that its calibration is honest."""

from collections.abc import Sequence

import lightgbm as lgb
import numpy as np

from learner.predictor.errors import CorruptPredictor
from learner.predictor.features import Considered
from learner.predictor.vectors import Floats

FOLDS = 3
_LEAST_EXAMPLES = 30  # below, a ranker learns noise
_COLD = 0.7  # what the cold guess is worth beside the scores of known plans, before a ranker could say
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


class PlanRanker:
    """Probabilities of candidates. Its own out-of-fold ones, for what learns from them, are of models beside it."""

    def __init__(self, booster: lgb.Booster) -> None:
        self._booster = booster

    @classmethod
    def fit(
        cls, considered: Sequence[Considered], truth: Sequence[Floats], seed: int
    ) -> tuple["PlanRanker | None", list[Floats]]:
        """The ranker and, per example, out-of-fold probabilities. No ranker when there is nothing to tell apart.

        ``truth``: per candidate how far it is the true plan, 0..1.
        """
        hits = sum(int(labels.any()) for labels in truth)
        if len(considered) < _LEAST_EXAMPLES or hits < FOLDS or all(bool(labels.all()) for labels in truth):
            return None, [unranked(one) for one in considered]
        fold = np.random.default_rng(seed).permutation(len(considered)) % FOLDS
        features = np.concatenate([one.features for one in considered])
        labels = np.concatenate(truth)
        row_fold = np.repeat(fold, [len(one.plans) for one in considered])
        probability = np.zeros(len(labels), dtype=np.float32)
        for held_out in range(FOLDS):
            learn = row_fold != held_out
            booster = _train(features[learn], labels[learn], len(considered), seed + held_out)
            probability[~learn] = booster.predict(features[~learn], num_threads=1)
        ends = np.cumsum([len(one.plans) for one in considered])[:-1]
        return cls(_train(features, labels, len(considered), seed)), np.split(probability, ends)

    def probabilities(self, considered: Considered) -> Floats:
        """Of each candidate to be the true plan."""
        return np.asarray(self._booster.predict(considered.features, num_threads=1), dtype=np.float32)

    def text(self) -> str:
        """The model in LightGBM's text format."""
        return self._booster.model_to_string()

    @classmethod
    def from_text(cls, text: str) -> "PlanRanker":
        """Inverse of `text`.

        Raises:
            CorruptPredictor: when LightGBM cannot read it.
        """
        try:
            return cls(lgb.Booster(model_str=text))
        except lgb.basic.LightGBMError as error:
            raise CorruptPredictor(f"ranker: {error}") from error


def unranked(considered: Considered) -> Floats:
    """Probabilities without a ranker: the regression's scores of whole plans, with a floor for the others.

    The cold guess counts by how sure it is: where no past request is alike, it is the better one.
    """
    whole = np.maximum(considered.whole, 0) + _COLD * considered.cold + 1e-3
    return np.asarray(whole / max(1.0, float(whole.sum())), dtype=np.float32)


def _train(features: Floats, labels: Floats, examples: int, seed: int) -> lgb.Booster:
    parameters = _PARAMETERS | {"seed": seed, "min_data_in_leaf": int(np.clip(len(labels) // 250, 10, 200))}
    rounds = int(np.clip(examples // 8, 30, 60))
    return lgb.train(parameters, lgb.Dataset(features, labels), rounds)
