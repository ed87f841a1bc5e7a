"""Duration models: quantiles of an agent's seconds given its inputs, by boosted trees. On a node of speed 1."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learner.models.trees import Trees
from learner.online.duration_windows import kaplan_meier_weights
from planners.costs import Estimate

if TYPE_CHECKING:
    import lightgbm as lgb

Floats = NDArray[np.float64]
_MIN_ROWS = 200
_MAX_ROWS = 20_000
# Inputs are named by users: without a bound, rare names would make the matrix arbitrarily wide.
_MAX_FEATURES = 64
_VALIDATION_SHARE = 0.2
_MIN_GAIN = 0.02
_PARAMS = {
    "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 20, "verbosity": -1,
    "num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": 0,
}  # fmt: skip
_TREES = 60


@dataclass(frozen=True, slots=True)
class DurationModel:
    """Boosted trees on log seconds for the median and the 90 % quantile.

    Quantiles are unchanged by the logarithm; the mean is the median times ``smear``, the mean of seconds / median over
    the training rows (Duan 1983).
    """

    features: tuple[str, ...]
    p50: Trees
    p90: Trees
    smear: float

    def estimate(self, given: Mapping[str, float]) -> Estimate:
        """Seconds for these features; missing ones are NaN to the trees."""
        return self.estimate_of(self.row(given))

    def row(self, given: Mapping[str, float]) -> tuple[float, ...]:
        """The features that the model knows, in its order."""
        return tuple([given.get(name, math.nan) for name in self.features])

    def estimate_of(self, row: tuple[float, ...]) -> Estimate:
        """Seconds for a row; some 50 us."""
        p50_s = math.exp(self.p50.score(row))
        return Estimate(p50_s * self.smear, p50_s, max(p50_s, math.exp(self.p90.score(row))))


class FittedDuration(NamedTuple):
    """A model, its boosters as text, and its loss on unseen outcomes next to that of the champion."""

    model: DurationModel
    texts: tuple[str, str]
    loss: float
    champion_loss: float

    @property
    def better(self) -> bool:
        """Whether it beats plain quantiles and the champion by enough to matter."""
        return self.loss < (1 - _MIN_GAIN) * self.champion_loss


def fit_durations(
    features: Sequence[Mapping[str, float]],
    seconds: ArrayLike,
    champion: DurationModel | None = None,
    finished: ArrayLike | None = None,
) -> FittedDuration | None:
    """Fit one agent's quantiles; None if there are too few rows or no feature varies.

    The newest fifth is held out for validation. Beyond 20,000 rows the oldest are left out. ``finished`` is false for
    censored durations (None: all finished); `kaplan_meier_weights` weighs rows in training and in validation.
    """
    y = np.log(np.maximum(np.asarray(seconds, float)[-_MAX_ROWS:], 1e-6))
    ended = np.ones(len(y), bool) if finished is None else np.asarray(finished, bool)[-_MAX_ROWS:]
    names, x = feature_matrix(features[-_MAX_ROWS:])
    cut = int(len(y) * (1 - _VALIDATION_SHARE))
    if ended.sum() < _MIN_ROWS or not names or not ended[:cut].any():
        return None
    fitted, held_out = kaplan_meier_weights(y[:cut], ended[:cut]), kaplan_meier_weights(y[cut:], ended[cut:])
    p50, p90 = (_fit_quantile(x[:cut], y[:cut], fitted * cut, q) for q in (0.5, 0.9))
    loss = sum(pinball_loss(y[cut:], _predict(b, x[cut:]), q, held_out) for b, q in ((p50, 0.5), (p90, 0.9)))
    plain = np.quantile(y[:cut], (0.5, 0.9), weights=fitted, method="inverted_cdf")
    champion_loss = sum(
        pinball_loss(y[cut:], np.full(len(y) - cut, f), q, held_out) for f, q in zip(plain, (0.5, 0.9), strict=True)
    )
    if champion is not None:
        champion_loss = min(champion_loss, _model_loss(champion, features[-len(y) :][cut:], y[cut:], held_out))
    smear = float(np.average(np.exp(y[:cut] - _predict(p50, x[:cut])), weights=fitted))
    model = DurationModel(names, Trees.of(p50), Trees.of(p90), smear)
    return FittedDuration(model, (p50.model_to_string(), p90.model_to_string()), loss, champion_loss)


def feature_matrix(features: Sequence[Mapping[str, float]]) -> tuple[tuple[str, ...], Floats]:
    """Names (sorted) and columns of the features that vary, one row per mapping; NaN where a row lacks one.

    Of more than 64 names, the most frequent are used.
    """
    frequency = Counter(name for row in features for name in row)
    names = sorted(sorted(frequency, key=lambda name: (-frequency[name], name))[:_MAX_FEATURES])
    if not names:
        return (), np.empty((len(features), 0))
    x = np.array([[row.get(name, math.nan) for name in names] for row in features], float)
    varies = [bool(len(np.unique(column)) > 1) for column in x.T]  # NaN counts as one value
    return tuple(name for name, kept in zip(names, varies, strict=True) if kept), x[:, varies]


def pinball_loss(actual: Floats, quantile: Floats, q: float, weights: Floats | None = None) -> float:
    """The mean quantile loss: q*(y - f) above, (1 - q)*(f - y) below (Koenker and Bassett 1978)."""
    error = actual - quantile
    return float(np.average(np.maximum(q * error, (q - 1) * error), weights=weights))


def _model_loss(model: DurationModel, features: Sequence[Mapping[str, float]], y: Floats, weights: Floats) -> float:
    """The loss of both quantiles, in log seconds."""
    estimates = [model.estimate(row) for row in features]
    p50, p90 = (np.log([estimate[quantile] for estimate in estimates]) for quantile in (1, 2))
    return pinball_loss(y, p50, 0.5, weights) + pinball_loss(y, p90, 0.9, weights)


def _fit_quantile(x: Floats, y: Floats, weights: Floats, q: float) -> "lgb.Booster":
    import lightgbm as lgb  # noqa: PLC0415 -- it takes a second, and only training needs it

    kept = weights > 0
    data = lgb.Dataset(x[kept], y[kept], weight=weights[kept])
    return lgb.train({**_PARAMS, "objective": "quantile", "alpha": q}, data, num_boost_round=_TREES)


def _predict(booster: "lgb.Booster", x: Floats) -> Floats:
    return np.asarray(booster.predict(x), float)
