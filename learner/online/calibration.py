"""Whether probabilities keep their word (reliability curve, Brier, calibration error), and how to mend them."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

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
    """A running reliability curve in constant memory; plain floats, as numpy is slow for one claim at a time."""

    def __init__(self, bins: int = BINS) -> None:
        self._counts = [0] * bins
        self._claims = [0.0] * bins
        self._survived = [0] * bins
        self._squares = 0.0

    def add(self, claimed: float, *, survived: bool) -> None:
        """Take in a claim (0..1) and whether it was kept."""
        at = min(int(claimed * len(self._counts)), len(self._counts) - 1)
        self._counts[at] += 1
        self._claims[at] += claimed
        self._survived[at] += survived
        self._squares += (claimed - survived) ** 2

    def report(self) -> CalibrationReport:
        """The curve so far, without its empty bins."""
        total, bins = sum(self._counts), len(self._counts)
        if not total:
            return CalibrationReport()
        rows = list(zip(self._counts, self._claims, self._survived, strict=True))
        return CalibrationReport(
            count=total,
            brier=self._squares / total,
            ece=sum(abs(claims - survived) for _, claims, survived in rows) / total,
            bins=tuple(
                ReliabilityBin(low=i / bins, high=(i + 1) / bins, count=n, claimed=claims / n, observed=survived / n)
                for i, (n, claims, survived) in enumerate(rows)
                if n
            ),
        )


def calibration_report(claimed: Iterable[float], survived: Iterable[bool]) -> CalibrationReport:
    """The report of a whole set at once."""
    reliability = Reliability()
    for claim, kept in zip(claimed, survived, strict=True):
        reliability.add(float(claim), survived=bool(kept))
    return reliability.report()


def isotonic(claimed: Sequence[float] | NDArray[np.float64], survived: ArrayLike, prior: float = 1.0) -> Calibration:
    """The best monotone map from claims to survival (Zadrozny and Elkan 2002), drawn towards the identity.

    ``prior`` is the weight, in outcomes, of each of eleven made-up observations on the diagonal: with no outcomes
    claims are taken at their word, with one class only the map gets to the end of 0..1 gradually.
    """
    # Here, as those who only read the ledger's figures should not wait for it.
    from scipy.optimize import isotonic_regression  # noqa: PLC0415

    diagonal = np.linspace(0, 1, 11)
    x = np.concatenate([diagonal, np.asarray(claimed, float)])
    y = np.concatenate([diagonal, np.asarray(survived, float)])
    weights = np.concatenate([np.full(11, prior), np.ones(len(x) - 11)])
    points, place = np.unique(x, return_inverse=True)
    weight = np.bincount(place, weights)
    means = np.bincount(place, weights * y) / weight
    fitted = isotonic_regression(means, weights=weight).x
    knots = np.linspace(0, 1, _KNOTS)
    values = np.maximum.accumulate(np.clip(np.interp(knots, points, fitted), 0.0, 1.0))
    return Calibration(claimed=tuple(knots.tolist()), observed=tuple(values.tolist()))
