"""Calibration of claimed probabilities: a logistic map from few outcomes, an isotonic one from many."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, logit

from reconciler.gate import Calibration

_KNOTS = np.linspace(0, 1, 33)
# Standard deviations of the prior of both parameters of the logistic map, which is centred on the identity.
_SHIFT_STDEV, _SLOPE_STDEV = 1.5, 0.5
# No claim is taken to be more certain than this.
_LEAST_CLAIM = 0.005


def fit_logistic_calibration(claimed: ArrayLike, survived: ArrayLike) -> Calibration:
    """logit(p) = shift + slope * logit(claimed), with a normal prior around the identity (Platt 1999).

    Two parameters are known after a handful of outcomes, where a free monotone map still follows their noise. Without
    outcomes the map is the identity.
    """
    x, y = _log_odds(np.asarray(claimed, float)), np.asarray(survived, float)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        shift, slope = parameters
        scores = shift + slope * x
        error = expit(scores) - y
        prior = np.array([shift / _SHIFT_STDEV**2, (slope - 1) / _SLOPE_STDEV**2])
        likelihood = float(np.logaddexp(0, scores).sum() - y @ scores)
        penalty = (shift / _SHIFT_STDEV) ** 2 / 2 + ((slope - 1) / _SLOPE_STDEV) ** 2 / 2
        return likelihood + penalty, prior + np.array([error.sum(), error @ x])

    # A negative slope would turn the order of claims around.
    shift, slope = minimize(loss, [0.0, 1.0], jac=True, method="L-BFGS-B", bounds=[(None, None), (0, None)]).x
    return _calibration(expit(shift + slope * _log_odds(_KNOTS)))


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
    return _calibration(np.interp(_KNOTS, points, fitted))


def _log_odds(claimed: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = logit(np.clip(claimed, _LEAST_CLAIM, 1 - _LEAST_CLAIM))
    return found


def _calibration(observed: NDArray[np.float64]) -> Calibration:
    values = np.maximum.accumulate(np.clip(observed, 0.0, 1.0))
    return Calibration(claimed=tuple(_KNOTS.tolist()), observed=tuple(values.tolist()))
