"""Follow the leader: in each context, the weights of the experts whose guesses were the most similar so far.

The fitted weights maximise the likelihood of past plans (`mixture`). What counts is the similarity of the guess, and
with few or noisy plans one expert alone may guess better: the catalog for a new request, the plans of the request
itself for one that came before. So past guesses are made again with each of them in the lead, from what was known
before each plan. One that does better by more than chance leads from then on (Kalai and Vempala, 2005; the margin is
the hysteresis).

Two experts need no such proof, because they lead before anything is learned: the catalog for a new request, and the
plans of the request itself once it came often. They lose the lead when the fitted weights do better by a standard
error, so that few plans do not make guesses worse than none.

For new requests, the catalog keeps some weight whoever leads: what it says does not depend on past plans, which may be
few, or by another planner.

The margin and weight of the catalog were chosen by validation inside the training parts of the plan sets of `forerun
bench similarity`, after 20 to 276 plans: the weight is the largest that lowered the mean similarity by less than 0.001.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Floats
from learner.predictor.decision import expected_worth
from learner.predictor.experts import EXPERTS
from learner.predictor.mixture import ExpertWeights, context_of

_LEAST_TRIALS = 10
_LEADERS = ("catalog", "repeats", "kind", "neighbour")
_KEPT_BY_CATALOG = 0.2
_IS_CATALOG = np.array([name == "catalog" for name in EXPERTS], dtype=np.float64)


class _Rule(NamedTuple):
    """How the leader of a context is found.

    ``margins``: by how many standard errors each of `_LEADERS` must do better than the fitted weights; a negative
    number is how far it may be worse. At one, one of three would lead by chance in 4 of 10 cases; at two, in 7 of 100.
    ``weight``: of the leader; the others decide what it leaves open.
    """

    margins: tuple[float, ...]
    weight: float


_NEW, _REPEATED = _Rule((-1.0, 2.0, 2.0, 2.0), 0.9), _Rule((2.0, 2.0, 2.0, 2.0), 0.9)
# Nothing is left open, so that of two plans that came equally often the older one is guessed again.
_REPEATED_OFTEN = _Rule((2.0, -1.0, 2.0, 2.0), 1.0)


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
    rules = [_NEW, *[_REPEATED] * (len(weights.rows) - 2), _REPEATED_OFTEN]
    options = [_options(*of_context) for of_context in zip(weights.rows, rules, strict=True)]
    found: list[list[Floats]] = [[] for _ in options]
    for trial in trials:
        context = context_of(trial.repeats)
        found[context].append(trial.similarities(options[context]))
    rows = [_best(*of_context) for of_context in zip(options, found, rules, strict=True)]
    return ExpertWeights(np.array([_with_catalog(rows[0]), *rows[1:]]))


def _options(fitted: NDArray[np.float64], rule: _Rule) -> NDArray[np.float64]:
    """The fitted weights, then those with each of the possible leaders, (options, experts)."""
    leading = np.eye(len(EXPERTS))[[EXPERTS.index(name) for name in _LEADERS]]
    return np.vstack([fitted, rule.weight * leading + (1 - rule.weight) * fitted])


def _best(options: NDArray[np.float64], similarities: list[Floats], rule: _Rule) -> NDArray[np.float64]:
    """The row of weights to go on with, by the similarities of past guesses, each (options,)."""
    if len(similarities) < _LEAST_TRIALS:
        return np.asarray(options[0])
    table = np.array(similarities, dtype=np.float64)
    gains = table[:, 1:] - table[:, :1]
    ahead = gains.mean(axis=0) - np.array(rule.margins) * gains.std(axis=0) / sqrt(len(gains))
    leader = int(ahead.argmax())
    return np.asarray(options[1 + leader] if ahead[leader] > 0 else options[0])


def _with_catalog(row: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights with at least what the catalog keeps; the others keep their proportions."""
    kept = max(float(row @ _IS_CATALOG), _KEPT_BY_CATALOG)
    others = row * (1 - _IS_CATALOG)
    return np.asarray(kept * _IS_CATALOG + (1 - kept) * others / max(float(others.sum()), 1e-9), dtype=np.float64)
