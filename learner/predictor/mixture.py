"""Weights of the experts, by how often the request came before: the more often, the more its own plans count.

Weights maximise the likelihood of what past requests got, where each expert says only what it could have known before
(prequential, Dawid 1984), under a Dirichlet prior: with few observations they are the prior's. An expert that is
useless on a workload loses its weight, so a guess of all of them is hardly ever worse than that of the best.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Floats
from learner.predictor.experts import EXPERTS

# Contexts by the number of repeats: none, one, ...
_LEAST_REPEATS = (0, 1, 2, 4, 8, 16)
# Prior weights without and with repeats, in the order of `EXPERTS`, and how many observations they are worth.
_PRIOR = (0.60, 0.25, 0.0, 0.0, 0.05, 0.10)
_PRIOR_REPEATED = (0.20, 0.05, 0.55, 0.15, 0.02, 0.03)
# More for new requests, where few plans say little; chosen with the plan sets of `forerun bench similarity` in view.
_PRIOR_WORTH, _PRIOR_WORTH_REPEATED = 40.0, 10.0
_ROUNDS = 50
_IS_LAST = np.array([name == "last" for name in EXPERTS], dtype=np.float64)
_NONE = 1e-3  # likelihood of whatever no expert expected


@dataclass(frozen=True)
class Observation:
    """How likely each expert made what a request got, (experts,), and how often the request had come before."""

    likelihood: Floats
    repeats: int


@dataclass(frozen=True)
class ExpertWeights:
    """One row of weights per context, each adding up to 1, (contexts, experts)."""

    rows: NDArray[np.float64]

    @classmethod
    def prior(cls) -> "ExpertWeights":
        """The weights before any observation."""
        return cls(np.array([_prior(context) for context in range(len(_LEAST_REPEATS))]))

    @classmethod
    def fit(cls, observations: Iterable[Observation]) -> "ExpertWeights":
        """Expectation maximisation in each context; neighbouring contexts share nothing but the prior."""
        of: list[list[Floats]] = [[] for _ in _LEAST_REPEATS]
        for one in observations:
            of[context_of(one.repeats)].append(one.likelihood)
        return cls(np.array([_fit(context, likelihoods) for context, likelihoods in enumerate(of)]))

    def mix(self, experts: Floats, repeats: int) -> Floats:
        """Probability of each candidate, (candidates,), from those of the experts, (experts, candidates)."""
        return np.asarray(self.rows[context_of(repeats)] @ experts, dtype=np.float32)


def context_of(repeats: int) -> int:
    """The row of weights for a request that came so often before."""
    return sum(repeats >= least for least in _LEAST_REPEATS) - 1


def _prior(context: int) -> NDArray[np.float64]:
    return np.array(_PRIOR_REPEATED if context else _PRIOR)


def _fit(context: int, likelihoods: Sequence[Floats]) -> NDArray[np.float64]:
    """The weights with the last plan of the request as an expert, if that is plainly better than without.

    Of a planner that does not change, the last plan says nothing that all of them do not. By chance it would get enough
    weight to decide where two plans are nearly as frequent. The test is the Bayesian information criterion.
    """
    prior = _prior(context)
    if not likelihoods:
        return prior
    table = np.stack(likelihoods).astype(np.float64) + _NONE
    worth = _PRIOR_WORTH_REPEATED if context else _PRIOR_WORTH
    with_last, without = _maximised(table, prior, worth), _maximised(table, prior * (1 - _IS_LAST), worth)
    gain = float((np.log(table @ with_last) - np.log(table @ without)).sum())
    return with_last if gain > np.log(len(table)) / 2 else without


def _maximised(table: NDArray[np.float64], prior: NDArray[np.float64], worth: float) -> NDArray[np.float64]:
    """Expectation maximisation under a prior worth so many observations; an expert without prior weight gets none."""
    prior = weights = prior / prior.sum()
    for _ in range(_ROUNDS):
        share = table * weights
        share /= share.sum(axis=1, keepdims=True)
        weights = (share.sum(axis=0) + worth * prior) / (len(table) + worth)
    return np.asarray(weights, dtype=np.float64)


assert len(_PRIOR) == len(_PRIOR_REPEATED) == len(EXPERTS)
