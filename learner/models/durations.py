"""How long agents take: running windows for all, boosted quantiles of the inputs where there is enough to learn.

All in seconds on a node of speed 1. Attempts that were flushed while they ran count as longer than they lasted
(`mass`): without them the long ones, which are flushed most, would be missing and every quantile too low.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import lightgbm as lgb
import numpy as np
from numpy.typing import ArrayLike, NDArray

from learner.models.trees import Trees
from planners.costs import Estimate

Floats = NDArray[np.float64]
# Outcomes that the declared prior is worth.
PRIOR_WEIGHT = 3.0
_LEAST_ROWS = 200
_MOST_ROWS = 20_000
_UNSEEN_SHARE = 0.2
_LEAST_GAIN = 0.02
_PARAMS = {
    "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 20, "verbosity": -1,
    "num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": 0,
}  # fmt: skip
_TREES = 60


class Observed(NamedTuple):
    """Seconds of an agent's finished attempts: how many, mean, median, 90 % quantile; mean bytes of its output."""

    outcomes: int
    mean_s: float
    p50_s: float
    p90_s: float
    output_bytes: float = 0.0

    def shrunk(self, prior: Estimate, weight: float = PRIOR_WEIGHT) -> Estimate:
        """Drawn towards the prior, which counts as ``weight`` outcomes: (n*x + k*prior) / (n + k), for each figure."""
        share = self.outcomes / (self.outcomes + weight)
        pairs = zip((self.mean_s, self.p50_s, self.p90_s), prior, strict=True)
        return Estimate(*(share * seen + (1 - share) * before for seen, before in pairs))


class DurationWindow:
    """The newest durations of one agent, and of them those that were cut short."""

    def __init__(self, size: int = 256) -> None:
        self._seconds: deque[tuple[float, bool]] = deque(maxlen=size)
        self._bytes: deque[int] = deque(maxlen=size)

    def add(self, seconds: float, output_bytes: int) -> None:
        """A finished attempt."""
        self._seconds.append((seconds, True))
        self._bytes.append(output_bytes)

    def outlasts(self, seconds: float) -> None:
        """An attempt that was flushed after so long."""
        self._seconds.append((seconds, False))

    def observed(self) -> Observed | None:
        """What the window shows; None if nothing in it has finished."""
        seconds = np.array([seconds for seconds, _ in self._seconds], float)
        finished = np.array([finished for _, finished in self._seconds], bool)
        if not finished.any():
            return None
        if finished.all():
            p50_s, p90_s = np.quantile(seconds, (0.5, 0.9))
            mean_s = seconds.mean()
        else:
            weights = mass(seconds, finished)
            p50_s, p90_s = np.quantile(seconds, (0.5, 0.9), weights=weights, method="inverted_cdf")
            mean_s = np.average(seconds, weights=weights)
        return Observed(int(finished.sum()), float(mean_s), float(p50_s), float(p90_s), float(np.mean(self._bytes)))


def mass(seconds: Floats, finished: NDArray[np.bool_]) -> Floats:
    """What each attempt weighs in the distribution of durations; together 1. One that was cut short weighs nothing.

    The steps of the Kaplan-Meier curve (1958): the weight of one cut short is handed to all that lasted longer
    (Efron 1967). If none did that finished, the longest is taken to have finished then (Efron's tail), so the mean is
    a lower bound. Right when what cuts short (the plan's arrival) has nothing to do with how long the agent takes.
    """
    order = np.lexsort((~finished, seconds))
    at_risk = np.arange(len(order), 0, -1)
    ends = finished[order] / at_risk
    before = np.concatenate([[1.0], np.cumprod(1 - ends)[:-1]])
    sorted_mass = before * ends
    sorted_mass[-1] += max(0.0, 1 - sorted_mass.sum())
    found = np.empty(len(order))
    found[order] = sorted_mass
    return found


@dataclass(frozen=True, slots=True)
class DurationModel:
    """Quantiles of one agent's seconds given numbers of its inputs, by boosted trees on log seconds.

    Quantiles pass through the logarithm unchanged; the mean is the median times ``smear``, the mean of seconds / median
    over the training rows (Duan 1983).
    """

    features: tuple[str, ...]
    p50: Trees
    p90: Trees
    smear: float

    def estimate(self, given: Mapping[str, float]) -> Estimate:
        """Seconds for these features; those missing are left to the trees."""
        row = [given.get(name, math.nan) for name in self.features]
        p50_s = math.exp(self.p50.score(row))
        return Estimate(p50_s * self.smear, p50_s, max(p50_s, math.exp(self.p90.score(row))))


class FittedDuration(NamedTuple):
    """A model, its boosters as text, and its loss on outcomes it has not seen, next to that of its rival."""

    model: DurationModel
    texts: tuple[str, str]
    loss: float
    champion_loss: float

    @property
    def better(self) -> bool:
        """Whether it beats plain quantiles and the champion by enough to matter."""
        return self.loss < (1 - _LEAST_GAIN) * self.champion_loss


def fit_durations(
    features: Sequence[Mapping[str, float]],
    seconds: ArrayLike,
    champion: DurationModel | None = None,
    finished: ArrayLike | None = None,
) -> FittedDuration | None:
    """Learn one agent's quantiles; None where there is too little to learn from or nothing that varies.

    The newest fifth judges and is not trained on. Bounded: beyond 20,000 rows the oldest are left out. ``finished``
    tells those that ended from those cut short (None: all ended); rows weigh as `mass` has it, on both sides.
    """
    y = np.log(np.maximum(np.asarray(seconds, float)[-_MOST_ROWS:], 1e-6))
    ended = np.ones(len(y), bool) if finished is None else np.asarray(finished, bool)[-_MOST_ROWS:]
    names, x = matrix(features[-_MOST_ROWS:])
    if ended.sum() < _LEAST_ROWS or not names:
        return None
    cut = int(len(y) * (1 - _UNSEEN_SHARE))
    seen, judged = mass(y[:cut], ended[:cut]), mass(y[cut:], ended[cut:])
    p50, p90 = (_boosted(x[:cut], y[:cut], seen * cut, q) for q in (0.5, 0.9))
    loss = sum(pinball(y[cut:], predicted(b, x[cut:]), q, judged) for b, q in ((p50, 0.5), (p90, 0.9)))
    plain = np.quantile(y[:cut], (0.5, 0.9), weights=seen, method="inverted_cdf")
    rival = sum(pinball(y[cut:], np.full(len(y) - cut, f), q, judged) for f, q in zip(plain, (0.5, 0.9), strict=True))
    if champion is not None:
        rival = min(rival, _loss(champion, features[-len(y) :][cut:], y[cut:], judged))
    smear = float(np.average(np.exp(y[:cut] - predicted(p50, x[:cut])), weights=seen))
    model = DurationModel(names, Trees.of(p50), Trees.of(p90), smear)
    return FittedDuration(model, (p50.model_to_string(), p90.model_to_string()), loss, rival)


def _loss(model: DurationModel, features: Sequence[Mapping[str, float]], y: Floats, weights: Floats) -> float:
    """Of both quantiles, in log seconds."""
    estimates = [model.estimate(row) for row in features]
    p50, p90 = (np.log([estimate[quantile] for estimate in estimates]) for quantile in (1, 2))
    return pinball(y, p50, 0.5, weights) + pinball(y, p90, 0.9, weights)


def matrix(features: Sequence[Mapping[str, float]]) -> tuple[tuple[str, ...], Floats]:
    """The names of all features that vary, in order, and one row each; NaN where a row lacks one."""
    names = sorted({name for row in features for name in row})
    if not names:
        return (), np.empty((len(features), 0))
    x = np.array([[row.get(name, math.nan) for name in names] for row in features], float)
    varies = [bool(len(np.unique(column)) > 1) for column in x.T]  # NaN counts as one value
    return tuple(name for name, kept in zip(names, varies, strict=True) if kept), x[:, varies]


def pinball(actual: Floats, quantile: Floats, q: float, weights: Floats | None = None) -> float:
    """The mean quantile loss: q*(y - f) above, (1 - q)*(f - y) below (Koenker and Bassett 1978)."""
    error = actual - quantile
    return float(np.average(np.maximum(q * error, (q - 1) * error), weights=weights))


def predicted(booster: lgb.Booster, x: Floats) -> Floats:
    """The booster's predictions as an array."""
    return np.asarray(booster.predict(x), float)


def _boosted(x: Floats, y: Floats, weights: Floats, q: float) -> lgb.Booster:
    kept = weights > 0
    data = lgb.Dataset(x[kept], y[kept], weight=weights[kept])
    return lgb.train({**_PARAMS, "objective": "quantile", "alpha": q}, data, num_boost_round=_TREES)
