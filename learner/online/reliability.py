"""How well probabilities match what happened: reliability curve, Brier score, expected calibration error."""

from collections.abc import Iterable

from pydantic import Field

from planners.model import Model

BINS = 10


class ReliabilityBin(Model):
    """Claims from ``low`` to ``high``: their number, their mean, and the share that survived."""

    low: float
    high: float
    count: int
    claimed: float
    observed: float


class CalibrationReport(Model):
    """The reliability curve and two scores, which are None without outcomes.

    ``brier``: mean of (claimed - survived)^2 (Brier 1950). ``ece``: mean over outcomes of |claimed - observed| of
    their bin, with bins of equal width (Naeini et al. 2015).
    """

    count: int = 0
    brier: float | None = None
    ece: float | None = None
    bins: tuple[ReliabilityBin, ...] = Field(default=())


class ReliabilityCurve:
    """A running reliability curve in constant memory. Plain floats: numpy is slow for single claims."""

    def __init__(self, bins: int = BINS) -> None:
        self._counts = [0] * bins
        self._claims = [0.0] * bins
        self._survived = [0] * bins
        self._squares = 0.0

    def add(self, claimed: float, *, survived: bool) -> None:
        """Add a claimed probability (0..1) and whether the guess survived."""
        at = min(int(claimed * len(self._counts)), len(self._counts) - 1)
        self._counts[at] += 1
        self._claims[at] += claimed
        self._survived[at] += survived
        self._squares += (claimed - survived) ** 2

    def report(self) -> CalibrationReport:
        """The curve so far, without empty bins."""
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
    """The report of a complete set of claims."""
    curve = ReliabilityCurve()
    for claim, kept in zip(claimed, survived, strict=True):
        curve.add(float(claim), survived=bool(kept))
    return curve.report()
