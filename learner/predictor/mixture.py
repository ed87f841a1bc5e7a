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
_PRIOR_WORTH = 10.0
_ROUNDS = 50
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
            of[_context(one.repeats)].append(one.likelihood)
        return cls(np.array([_fit(context, likelihoods) for context, likelihoods in enumerate(of)]))

    def mix(self, experts: Floats, repeats: int) -> Floats:
        """Probability of each candidate, (candidates,), from those of the experts, (experts, candidates)."""
        return np.asarray(self.rows[_context(repeats)] @ experts, dtype=np.float32)


def _context(repeats: int) -> int:
    return sum(repeats >= least for least in _LEAST_REPEATS) - 1


def _prior(context: int) -> NDArray[np.float64]:
    return np.array(_PRIOR_REPEATED if context else _PRIOR)


def _fit(context: int, likelihoods: Sequence[Floats]) -> NDArray[np.float64]:
    prior = weights = _prior(context)
    if not likelihoods:
        return weights
    table = np.stack(likelihoods).astype(np.float64) + _NONE
    for _ in range(_ROUNDS):
        share = table * weights
        share /= share.sum(axis=1, keepdims=True)
        weights = (share.sum(axis=0) + _PRIOR_WORTH * prior) / (len(table) + _PRIOR_WORTH)
    return weights


assert len(_PRIOR) == len(_PRIOR_REPEATED) == len(EXPERTS)
