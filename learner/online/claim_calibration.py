"""Calibration of claimed probabilities: a logistic map from few outcomes, an isotonic one from many."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from learner.isotonic import monotone_fit
from learner.platt_scaling import PlattScaling, ScalingPrior, surprise
from reconciler.gate import Calibration

_KNOTS = np.linspace(0, 1, 33)
Floats = NDArray[np.float64]
# Wide: claims of some kinds of task are simply wrong.
_PRIOR = ScalingPrior(shift_stdev=3.0, slope_stdev=1.0, least=0.005)
# The prior probability that claims are calibrated.
_TRUST = 0.9


def fit_logistic_calibration(claimed: ArrayLike, survived: ArrayLike, weights: ArrayLike | None = None) -> Calibration:
    """logit(p) = shift + slope * logit(claimed), or p = claimed, each as far as the outcomes speak for it.

    Two parameters are known after a handful of outcomes, where a free monotone map still follows their noise (Platt
    1999). Claims that are calibrated already are best left alone, so the map is a mean of both, weighted by how well
    each explains the outcomes. Without outcomes it is the identity. ``weights`` are below 1 for outcomes that depend on
    others.
    """
    x, y = np.asarray(claimed, float), np.asarray(survived, float)
    weight = np.ones(len(x)) if weights is None else np.asarray(weights, float)
    scaling = PlattScaling.fit(x, y, _PRIOR, weight)
    unscaled = surprise(_PRIOR.log_odds(x), y, weight)
    trust = expit(logit(_TRUST) + _surprise_when_fitted(scaling, x, y, weight) - unscaled)
    return _calibration(trust * _KNOTS + (1 - trust) * scaling(_KNOTS))


def fit_calibration(claimed: Sequence[float] | Floats, survived: ArrayLike, prior: float = 1.0) -> Calibration:
    """The best monotone map from claims to survival (`learner.isotonic`), shrunk towards the identity.

    ``prior`` is the weight, in outcomes, of each of eleven pseudo-observations on the diagonal. Without outcomes the
    map is the identity; with outcomes of one class only it approaches 0 or 1 gradually.
    """
    diagonal = np.linspace(0, 1, 11)
    x = np.concatenate([diagonal, np.asarray(claimed, float)])
    y = np.concatenate([diagonal, np.asarray(survived, float)])
    weights = np.concatenate([np.full(11, prior), np.ones(len(x) - 11)])
    return _calibration(np.interp(_KNOTS, *monotone_fit(x, y, weights)))


def _surprise_when_fitted(scaling: PlattScaling, claimed: Floats, survived: Floats, weight: Floats) -> float:
    """Minus the logarithm of the probability of the outcomes over all parameters, by Laplace's method.

    Parameters fitted to the outcomes explain them better than others. By how much their posterior is narrower than
    their prior is what that is worth.
    """
    x, p, precision = scaling.prior.log_odds(claimed), scaling(claimed), scaling.prior.precision
    variance = weight * p * (1 - p)
    curvature = np.array([[variance.sum(), variance @ x], [variance @ x, variance @ x**2]]) + np.diag(precision)
    narrower = float(np.log(np.linalg.det(curvature) / precision.prod())) / 2
    return surprise(scaling.scores(claimed), survived, weight) + scaling.prior.surprise(scaling.parameters) + narrower


def _calibration(observed: Floats) -> Calibration:
    values = np.maximum.accumulate(np.clip(observed, 0.0, 1.0))
    return Calibration(claimed=tuple(_KNOTS.tolist()), observed=tuple(values.tolist()))
