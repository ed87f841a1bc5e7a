"""Calibration of claimed probabilities: a logistic map from few outcomes, an isotonic one from many."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, logit

from reconciler.gate import Calibration

_KNOTS = np.linspace(0, 1, 33)
Floats = NDArray[np.float64]
# Standard deviations of the prior of both parameters of the logistic map, which is centred on the identity: claims of
# some kinds of task are simply wrong.
_SHIFT_STDEV, _SLOPE_STDEV = 3.0, 1.0
_IDENTITY = np.array([0.0, 1.0])
# The prior probability that claims are calibrated.
_TRUST = 0.9
# No claim is taken to be more certain than this.
_LEAST_CLAIM = 0.005


def fit_logistic_calibration(claimed: ArrayLike, survived: ArrayLike, weights: ArrayLike | None = None) -> Calibration:
    """logit(p) = shift + slope * logit(claimed), or p = claimed, each as far as the outcomes speak for it.

    Two parameters are known after a handful of outcomes, where a free monotone map still follows their noise (Platt
    1999). Claims that are calibrated already are best left alone, so the map is a mean of both, weighted by how well
    each explains the outcomes. Without outcomes it is the identity. ``weights`` are below 1 for outcomes that depend on
    others.
    """
    x, y = _log_odds(np.asarray(claimed, float)), np.asarray(survived, float)
    weight = np.ones(len(x)) if weights is None else np.asarray(weights, float)
    precision = np.array([_SHIFT_STDEV**-2, _SLOPE_STDEV**-2])

    def loss(parameters: Floats) -> tuple[float, Floats]:
        deviation = parameters - _IDENTITY
        scores = parameters[0] + parameters[1] * x
        error = weight * (expit(scores) - y)
        gradient = precision * deviation + np.array([error.sum(), error @ x])
        return _surprise(scores, y, weight) + float(precision @ deviation**2) / 2, gradient

    # A negative slope would turn the order of claims around.
    found = minimize(loss, _IDENTITY, jac=True, method="L-BFGS-B", bounds=[(None, None), (0, None)])
    shift, slope = found.x
    p = expit(shift + slope * x)
    surprise = found.fun + _log_volume(weight * p * (1 - p), x, precision)
    trust = expit(logit(_TRUST) + surprise - _surprise(x, y, weight))
    return _calibration(trust * _KNOTS + (1 - trust) * expit(shift + slope * _log_odds(_KNOTS)))


def fit_calibration(claimed: Sequence[float] | Floats, survived: ArrayLike, prior: float = 1.0) -> Calibration:
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


def _surprise(scores: Floats, survived: Floats, weight: Floats) -> float:
    """Minus the logarithm of the likelihood of the outcomes."""
    return float(weight @ (np.logaddexp(0, scores) - survived * scores))


def _log_volume(variance: Floats, x: Floats, precision: Floats) -> float:
    """By how much the posterior of the parameters is narrower than their prior, as a logarithm (Laplace's method).

    A map that was fitted to the outcomes explains them better than one that was not; this is what that is worth.
    """
    curvature = np.array([[variance.sum(), variance @ x], [variance @ x, variance @ x**2]]) + np.diag(precision)
    return float(np.log(np.linalg.det(curvature) / precision.prod())) / 2


def _log_odds(claimed: Floats) -> Floats:
    found: Floats = logit(np.clip(claimed, _LEAST_CLAIM, 1 - _LEAST_CLAIM))
    return found


def _calibration(observed: Floats) -> Calibration:
    values = np.maximum.accumulate(np.clip(observed, 0.0, 1.0))
    return Calibration(claimed=tuple(_KNOTS.tolist()), observed=tuple(values.tolist()))
