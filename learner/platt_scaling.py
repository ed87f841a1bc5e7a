"""Platt scaling: a logistic regression of outcomes on the log odds of the probabilities claimed (Platt, 1999).

Its two parameters have a normal prior around the identity, so few outcomes change a probability little.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]
_IDENTITY = np.array([0.0, 1.0])


class ScalingPrior(NamedTuple):
    """Standard deviations of both parameters, and the ``least`` claim: none counts as more certain than that."""

    shift_stdev: float
    slope_stdev: float
    least: float

    @property
    def precision(self) -> Floats:
        """Of shift and slope, (2,)."""
        return np.array([self.shift_stdev**-2, self.slope_stdev**-2])

    def log_odds(self, claimed: NDArray[np.floating]) -> Floats:
        """Log odds of the claims, of the same shape."""
        return np.asarray(logit(np.clip(claimed, self.least, 1 - self.least)), dtype=np.float64)

    def surprise(self, parameters: Floats) -> float:
        """Minus the logarithm of the prior density, up to a constant."""
        return float(self.precision @ (parameters - _IDENTITY) ** 2) / 2


@dataclass(frozen=True)
class PlattScaling:
    """logit(p) = shift + slope * logit(claimed); ``parameters``: shift and slope, (2,)."""

    parameters: Floats
    prior: ScalingPrior

    @classmethod
    def fit(
        cls, claimed: NDArray[np.floating], came_true: Floats, prior: ScalingPrior, weights: Floats | None = None
    ) -> "PlattScaling":
        """The parameters of highest posterior density; the identity without outcomes.

        ``came_true``: 0 or 1 per claim. ``weights``: of the outcomes; None: one each.
        """
        from scipy.optimize import minimize  # noqa: PLC0415 -- 0.15 s, and only training needs it

        odds = prior.log_odds(claimed)
        weight = np.ones(len(odds)) if weights is None else weights

        def loss(parameters: Floats) -> tuple[float, Floats]:
            scores = parameters[0] + parameters[1] * odds
            error = weight * (expit(scores) - came_true)
            gradient = prior.precision * (parameters - _IDENTITY) + np.array([error.sum(), error @ odds])
            return surprise(scores, came_true, weight) + prior.surprise(parameters), gradient

        # A negative slope would turn the order of claims around.
        return cls(minimize(loss, _IDENTITY, jac=True, method="L-BFGS-B", bounds=[(None, None), (0, None)]).x, prior)

    def scores(self, claimed: NDArray[np.floating]) -> Floats:
        """Log odds of the scaled probabilities."""
        return np.asarray(self.parameters[0] + self.parameters[1] * self.prior.log_odds(claimed), dtype=np.float64)

    def __call__(self, claimed: NDArray[np.floating]) -> Floats:
        """Scaled probabilities."""
        return np.asarray(expit(self.scores(claimed)), dtype=np.float64)


def surprise(scores: Floats, came_true: Floats, weight: Floats) -> float:
    """Minus the logarithm of the likelihood of the outcomes, by the log odds that were given to them."""
    return float(weight @ (np.logaddexp(0, scores) - came_true * scores))
