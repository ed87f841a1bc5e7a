"""The survival model: a calibrated probability that a guess survives, by boosted trees."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learner.models.trees import Trees
from learner.online.claim_calibration import fit_calibration
from reconciler.gate import Calibration

if TYPE_CHECKING:
    import lightgbm as lgb

Floats = NDArray[np.float64]
FEATURES = ("claimed", "kind_rate", "agent_rate", "pair_rate", "log_expected_s", "parents")
_FOLDS = 4
_MIN_ROWS = 300
_MAX_ROWS = 20_000
_VALIDATION_SHARE = 0.2
_MIN_GAIN = 0.01
_PARAMS = {
    "objective": "binary", "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 30, "verbosity": -1,
    "num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": 0,
    "monotone_constraints": [1, 1, 1, 1, 0, 0],
}  # fmt: skip
_TREES = 60


@dataclass(frozen=True, slots=True)
class SurvivalModel:
    """Boosted trees over FEATURES, then an isotonic map fitted on out-of-fold predictions."""

    trees: Trees
    calibration: Calibration

    def probability(self, row: Sequence[float]) -> float:
        """The probability of commit or salvage, for a row in the order of FEATURES."""
        return self.calibration.of(_logistic(self.trees.score(row)))


class FittedSurvival(NamedTuple):
    """A model, its booster as text, and Brier scores on the newest outcomes, which it has not seen.

    ``brier`` is the model's. ``used_brier`` is that of the probabilities the gate used at the time. ``claims_brier`` is
    that of the planner's claims after isotonic calibration on the earlier outcomes: what the gate would use without any
    model.
    """

    model: SurvivalModel
    text: str
    brier: float
    used_brier: float
    claims_brier: float

    @property
    def better(self) -> bool:
        """Whether it beats calibrated claims and the probabilities in use by enough to matter."""
        return self.brier < (1 - _MIN_GAIN) * min(self.used_brier, self.claims_brier)

    @property
    def claims_suffice(self) -> bool:
        """Whether calibrated claims beat this model and the probabilities in use. A model in use is then dropped.

        The Brier score is a proper scoring rule (Gneiting and Raftery 2007), so it also compares claims with models.
        """
        return self.claims_brier < (1 - _MIN_GAIN) * self.used_brier and self.claims_brier <= self.brier


def feature_row(claimed: float, rates: tuple[float, float, float], expected_s: float, parents: float) -> list[float]:
    """One row in the order of FEATURES."""
    return [claimed, *rates, math.log1p(max(0.0, expected_s)), parents]


def fit_survival(
    x: Floats, survived: NDArray[np.bool_], tasks: Sequence[Hashable], used: Floats
) -> FittedSurvival | None:
    """Fit the survival model; None if there are too few outcomes or only one class.

    Args:
        x: rows in the order of FEATURES, oldest first, with the rates from before the outcome.
        survived: whether each guess was committed or salvaged.
        tasks: the task of each guess. Guesses of one task depend on each other and are never split between folds.
        used: the probability that the gate used, known before the verdict.
    """
    x, y, used = x[-_MAX_ROWS:], survived[-_MAX_ROWS:].astype(float), used[-_MAX_ROWS:]
    groups = np.unique([str(task) for task in tasks[-_MAX_ROWS:]], return_inverse=True)[1]
    cut = _validation_start(groups)
    if len(y) < _MIN_ROWS or len(np.unique(y[:cut])) < 2 or len(np.unique(groups[:cut])) < _FOLDS:
        return None
    from sklearn.model_selection import GroupKFold  # noqa: PLC0415 -- as LightGBM, below

    out_of_fold = np.empty(cut)
    for train, test in GroupKFold(_FOLDS).split(x[:cut], y[:cut], groups[:cut]):
        out_of_fold[test] = _predict(_fit_trees(x[train], y[train]), x[test])
    calibration = fit_calibration(out_of_fold, y[:cut])
    booster = _fit_trees(x[:cut], y[:cut])
    predicted = np.array([calibration.of(p) for p in _predict(booster, x[cut:])])
    claim_calibration = fit_calibration(x[:cut, 0], y[:cut])
    claimed = np.array([claim_calibration.of(p) for p in x[cut:, 0]])
    scores = (brier_score(p, y[cut:]) for p in (predicted, used[cut:], claimed))
    return FittedSurvival(SurvivalModel(Trees.of(booster), calibration), booster.model_to_string(), *scores)


def brier_score(probability: Floats, survived: Floats) -> float:
    """The mean of (probability - survived)^2."""
    return float(((probability - survived) ** 2).mean())


def _validation_start(groups: NDArray[np.int64]) -> int:
    """The index of the newest fifth, moved back to the first guess of its task."""
    cut = int(len(groups) * (1 - _VALIDATION_SHARE))
    while 0 < cut < len(groups) and groups[cut] == groups[cut - 1]:
        cut -= 1
    return cut


def _fit_trees(x: Floats, y: Floats) -> "lgb.Booster":
    import lightgbm as lgb  # noqa: PLC0415 -- it takes a second, and only training needs it

    return lgb.train(_PARAMS, lgb.Dataset(x, y), num_boost_round=_TREES)


def _predict(booster: "lgb.Booster", x: Floats) -> Floats:
    return np.asarray(booster.predict(x), float)


def _logistic(score: float) -> float:
    return 1 / (1 + math.exp(-score)) if score >= 0 else math.exp(score) / (1 + math.exp(score))
