"""Follow the leader: in each context, the weights of the experts whose guesses were the most similar so far.

The fitted weights maximise the likelihood of past plans (`mixture`). What counts is the similarity of the guess, and
with few or noisy plans one expert alone may guess better: the catalog for a new request, the plans of the request
itself for one that came before. So past guesses are made again with each of them in the lead, from what was known
before each plan. One that does better by more than chance leads from then on (Kalai and Vempala, 2005; the margin is
the hysteresis).

For new requests, the catalog keeps some weight whoever leads: what it says does not depend on past plans, which may be
few, or by another planner. It counts in proportion to how similar its guesses were: some catalogs say nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Floats
from learner.predictor.decision import expected_worth
from learner.predictor.experts import EXPERTS
from learner.predictor.mixture import ExpertWeights, context_of

_LED = 0.9  # weight of the leader; the others decide what it leaves open
_LEAST_TRIALS = 20
# By how many standard errors each possible leader must do better than the fitted weights. At one, one of three would
# lead by chance in 4 of 10 cases; at two, in 7 of 100.
_MARGINS = {"catalog": 0.0, "repeats": 2.0, "kind": 2.0, "neighbour": 2.0}
# The most that the catalog keeps; chosen with the plan sets of `forerun bench similarity` in view.
_KEPT_BY_CATALOG = 0.3
_IS_CATALOG = np.array([name == "catalog" for name in EXPERTS], dtype=np.float64)
_LEADERS = [EXPERTS.index(name) for name in _MARGINS]


@dataclass(frozen=True)
class Trial:
    """One past plan, and what was known before it came.

    ``experts``: their probabilities, (experts, candidates). ``between``: similarity of the candidates to each other,
    (candidates, candidates). ``to_truth``: their similarity to the plan that came, (candidates,). ``repeats``: how
    often the request had come before.
    """

    experts: Floats
    between: Floats
    to_truth: Floats
    repeats: int

    def similarities(self, options: NDArray[np.float64]) -> Floats:
        """The similarity of the guess with each of the rows of weights, (options,)."""
        return self.to_truth[[expected_worth(self.between, p).argmax() for p in options @ self.experts]]


def led(weights: ExpertWeights, trials: Iterable[Trial]) -> ExpertWeights:
    """The weights, with a leader in each context that has one."""
    options = [_options(row) for row in weights.rows]
    found: list[list[Floats]] = [[] for _ in options]
    for trial in trials:
        context = context_of(trial.repeats)
        found[context].append(trial.similarities(options[context]))
    rows = [_best(*pair) for pair in zip(options, found, strict=True)]
    return ExpertWeights(np.array([_with_catalog(rows[0], found[0]), *rows[1:]]))


def _options(fitted: NDArray[np.float64]) -> NDArray[np.float64]:
    """The fitted weights, then those with each of the possible leaders, (options, experts)."""
    leading = np.eye(len(EXPERTS))[_LEADERS]
    return np.vstack([fitted, _LED * leading + (1 - _LED) * fitted])


def _best(options: NDArray[np.float64], similarities: list[Floats]) -> NDArray[np.float64]:
    """The row of weights to go on with, by the similarities of past guesses, each (options,)."""
    if len(similarities) < _LEAST_TRIALS:
        return np.asarray(options[0])
    table = np.array(similarities, dtype=np.float64)
    gains = table[:, 1:] - table[:, :1]
    ahead = gains.mean(axis=0) - np.array([*_MARGINS.values()]) * gains.std(axis=0) / sqrt(len(gains))
    leader = int(ahead.argmax())
    return np.asarray(options[1 + leader] if ahead[leader] > 0 else options[0])


def _with_catalog(row: NDArray[np.float64], similarities: list[Floats]) -> NDArray[np.float64]:
    """The weights with at least what the catalog keeps; the others keep their proportions."""
    least = _KEPT_BY_CATALOG
    if len(similarities) >= _LEAST_TRIALS:
        fitted, catalog = np.mean(similarities, axis=0)[[0, 1 + [*_MARGINS].index("catalog")]].tolist()
        least = min(least, catalog / max(fitted, 1e-9))
    kept = max(float(row @ _IS_CATALOG), least)
    others = row * (1 - _IS_CATALOG)
    return np.asarray(kept * _IS_CATALOG + (1 - kept) * others / max(float(others.sum()), 1e-9), dtype=np.float64)
