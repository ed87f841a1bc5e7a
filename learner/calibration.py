"""Whether probabilities keep their word (reliability curve, Brier, calibration error), and how to mend them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from sklearn.isotonic import IsotonicRegression

from planners.model import Model
from reconciler.gate import Calibration

BINS = 10
_KNOTS = 33


class ReliabilityBin(Model):
    """Claims between ``low`` and ``high``: how many, what they claimed on average, how many survived."""

    low: float
    high: float
    count: int
    claimed: float
    observed: float


class CalibrationReport(Model):
    """The reliability curve, and two figures of it; None without outcomes.

    ``brier``: mean of (claimed - survived)^2 (Brier 1950). ``ece``: mean over outcomes of |claimed - observed| of
    their bin (Naeini et al. 2015), equal-width bins.
    """

    count: int = 0
    brier: float | None = None
    ece: float | None = None
    bins: tuple[ReliabilityBin, ...] = Field(default=())


class Reliability:
    """A running reliability curve in constant memory."""

    def __init__(self, bins: int = BINS) -> None:
        self._counts = np.zeros(bins)
        self._claims = np.zeros(bins)
        self._survived = np.zeros(bins)
        self._squares = 0.0

    def add(self, claimed: ArrayLike, survived: ArrayLike) -> None:
        """Take in claims (0..1) and whether each survived."""
        p, y = np.atleast_1d(np.asarray(claimed, float)), np.atleast_1d(np.asarray(survived, float))
        bins = len(self._counts)
        at = np.minimum((p * bins).astype(int), bins - 1)
        self._counts += np.bincount(at, minlength=bins)
        self._claims += np.bincount(at, weights=p, minlength=bins)
        self._survived += np.bincount(at, weights=y, minlength=bins)
        self._squares += float(((p - y) ** 2).sum())

    def report(self) -> CalibrationReport:
        """The curve so far, without its empty bins."""
        total, bins = self._counts.sum(), len(self._counts)
        if not total:
            return CalibrationReport()
        return CalibrationReport(
            count=int(total),
            brier=self._squares / total,
            ece=float(np.abs(self._claims - self._survived).sum() / total),
            bins=tuple(
                ReliabilityBin(
                    low=i / bins, high=(i + 1) / bins, count=int(n), claimed=claims / n, observed=survived / n
                )
                for i, (n, claims, survived) in enumerate(zip(self._counts, self._claims, self._survived, strict=True))
                if n
            ),
        )


def calibration_report(claimed: ArrayLike, survived: ArrayLike) -> CalibrationReport:
    """The report of a whole set at once."""
    reliability = Reliability()
    reliability.add(claimed, survived)
    return reliability.report()


def isotonic(claimed: Sequence[float] | NDArray[np.float64], survived: ArrayLike, prior: float = 1.0) -> Calibration:
    """The best monotone map from claims to survival (Zadrozny and Elkan 2002), drawn towards the identity.

    ``prior`` is the weight, in outcomes, of each of eleven made-up observations on the diagonal: with no outcomes
    claims are taken at their word, with one class only the map gets to the end of 0..1 gradually.
    """
    x, y = np.asarray(claimed, float), np.asarray(survived, float)
    diagonal = np.linspace(0, 1, 11)
    weights = np.concatenate([np.full(11, prior), np.ones(len(x))])
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(
        np.concatenate([diagonal, x]), np.concatenate([diagonal, y]), sample_weight=weights
    )
    knots = np.linspace(0, 1, _KNOTS)
    values = np.maximum.accumulate(np.clip(fitted.predict(knots), 0.0, 1.0))
    return Calibration(claimed=tuple(knots.tolist()), observed=tuple(values.tolist()))
