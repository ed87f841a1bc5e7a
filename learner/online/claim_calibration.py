"""Isotonic calibration of claimed probabilities."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from reconciler.gate import Calibration

_KNOTS = 33


def fit_calibration(
    claimed: Sequence[float] | NDArray[np.float64], survived: ArrayLike, prior: float = 1.0
) -> Calibration:
    """The best monotone map from claims to survival (Zadrozny and Elkan 2002), shrunk towards the identity.

    ``prior`` is the weight, in outcomes, of each of eleven pseudo-observations on the diagonal. Without outcomes the
    map is the identity; with outcomes of one class only it approaches 0 or 1 gradually.
    """
    diagonal = np.linspace(0, 1, 11)
    x = np.concatenate([diagonal, np.asarray(claimed, float)])
    y = np.concatenate([diagonal, np.asarray(survived, float)])
    weights = np.concatenate([np.full(11, prior), np.ones(len(x) - 11)])
    points, groups = np.unique(x, return_inverse=True)
    weight = np.bincount(groups, weights)
    means = np.bincount(groups, weights * y) / weight
    fitted = isotonic_regression(means, weights=weight).x
    knots = np.linspace(0, 1, _KNOTS)
    values = np.maximum.accumulate(np.clip(np.interp(knots, points, fitted), 0.0, 1.0))
    return Calibration(claimed=tuple(knots.tolist()), observed=tuple(values.tolist()))
