"""Isotonic calibration: the best monotone map from raw probabilities to outcomes (`learner.isotonic`).

A few hundred outcomes are too few for it alone. It starts from Platt scaling, whose two parameters need fewer, and
which itself starts from the raw probabilities: the more outcomes, the less they count.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learner.isotonic import monotone_fit
from learner.platt_scaling import PlattScaling, ScalingPrior

_LEAST_OUTCOMES = 40
_PSEUDO_OUTCOMES = 300.0  # of Platt scaling
_GRID = (np.arange(20) + 0.5) / 20  # the raw probabilities that they have
_TENTHS = np.linspace(0, 1, 11)
_PRIOR = ScalingPrior(shift_stdev=0.1**0.5, slope_stdev=0.1**0.5, least=1e-3)
_FLOOR = 0.01  # nothing is certain: the gate must be able to price a wrong guess


@dataclass(frozen=True)
class IsotonicCalibration:
    """A piecewise linear map through ``knots`` (raw) and ``values`` (calibrated), both ascending."""

    knots: NDArray[np.float64]
    values: NDArray[np.float64]

    @classmethod
    def fit(cls, raw: NDArray[np.float64], came_true: NDArray[np.float64]) -> "IsotonicCalibration":
        """From out-of-fold raw probabilities and 0/1 outcomes; `blended` if there are few."""
        if len(raw) < _LEAST_OUTCOMES:
            return cls.blended(raw, came_true)
        weights = np.concatenate([np.ones(len(raw)), np.full(len(_GRID), _PSEUDO_OUTCOMES / len(_GRID))])
        expected = PlattScaling.fit(raw, came_true, _PRIOR)(_GRID)
        knots, values = monotone_fit(np.concatenate([raw, _GRID]), np.concatenate([came_true, expected]), weights)
        return cls(knots, np.clip(values, _FLOOR, 1 - _FLOOR))

    @classmethod
    def blended(cls, raw: NDArray[np.float64], came_true: NDArray[np.float64]) -> "IsotonicCalibration":
        """Raw values scaled so that their mean is that of the outcomes, with four pseudo-outcomes at one half."""
        rate = (float(came_true.sum()) + 2) / (len(came_true) + 4)
        mean = (float(raw.sum()) + 2) / (len(raw) + 4)
        top = float(np.clip(rate / max(mean, 1e-6), 0, 1))
        return cls(np.array([0.0, 1.0]), np.clip([0.0, top], _FLOOR, 1 - _FLOOR))

    def halved(self) -> "IsotonicCalibration":
        """Half the correction: for probabilities that are only similar to those that it was learned from."""
        return IsotonicCalibration(_TENTHS, (_TENTHS + self(_TENTHS)) / 2)

    def __call__(self, raw: NDArray[np.floating]) -> NDArray[np.float64]:
        """Calibrated probabilities."""
        return np.asarray(np.interp(raw, self.knots, self.values), dtype=np.float64)


def expected_calibration_error(
    probability: NDArray[np.float64], came_true: NDArray[np.float64], bins: int = 10
) -> float:
    """ECE: mean gap of probability and frequency over equal-width bins, weighted by their sizes (Guo et al., 2017)."""
    if not len(probability):
        return 0.0
    which = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = np.bincount(which, weights=came_true - probability, minlength=bins)
    return float(np.abs(gaps).sum() / len(probability))


def chance_calibration_error(probability: NDArray[np.float64], draws: int = 200) -> float:
    """The ECE that perfect probabilities would have by chance, over as many outcomes: the mean over drawn outcomes."""
    drawn = np.random.default_rng(0).random((draws, len(probability))) < probability
    return float(np.mean([expected_calibration_error(probability, outcomes.astype(np.float64)) for outcomes in drawn]))
