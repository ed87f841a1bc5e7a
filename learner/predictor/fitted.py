"""The models of a trained predictor, and their form in storage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learner.predictor.calibration import IsotonicCalibration
from learner.predictor.cross_alignment import CrossAlignment
from learner.predictor.cross_ranker import CrossRanker
from learner.predictor.errors import CorruptPredictor
from learner.predictor.history import RequestHistory
from learner.predictor.kernel import RequestKernel
from learner.predictor.mixture import ExpertWeights
from learner.predictor.numbered_plan import NumberedPlan
from learner.predictor.plan_space import PlanSpace
from learner.predictor.ridge import StackedRidge
from learner.predictor.storage import Arrays, under


class Calibrations(NamedTuple):
    """One map per kind of probability."""

    whole: IsotonicCalibration
    step: IsotonicCalibration
    edge: IsotonicCalibration
    work: IsotonicCalibration


@dataclass(frozen=True)
class FittedModels:
    """The result of training. Immutable.

    ``calibrations`` are those of guesses at the whole plan of a new request, ``repeated`` of one that came before,
    ``continued`` those of guesses at what follows known steps. ``familiar``: the similarity to its most similar other
    request that nearly every request here has. ``alignment``: None in models of format 5 and before, whose ranker does
    not know it.
    """

    space: PlanSpace
    history: RequestHistory
    kernel: RequestKernel
    ridge: StackedRidge
    ranker: CrossRanker
    calibrations: Calibrations
    weights: ExpertWeights
    familiar: float
    continued: Calibrations
    repeated: Calibrations
    alignment: CrossAlignment | None = None

    def header(self) -> dict[str, Any]:
        """The part that is stored as JSON."""
        return {
            "tools": self.space.tools,
            "history": self.history.plans,
            "requests": [self.history.rows, self.history.kinds, self.history.keys],
            "weights": self.weights.rows.tolist(),
            "familiar": self.familiar,
            "ranker": self.ranker.stored(),
            "calibrations": _listed(self.calibrations),
            "continued": _listed(self.continued),
            "repeated": _listed(self.repeated),
        }

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The part that is stored as arrays."""
        parts = {"kernel": self.kernel.arrays(), "ridge": self.ridge.arrays()}
        if self.alignment is not None:
            parts["alignment"] = self.alignment.arrays()
        return {f"{part}.{key}": value for part, arrays in parts.items() for key, value in arrays.items()}

    @classmethod
    def from_stored(cls, header: Mapping[str, Any], arrays: Arrays) -> "FittedModels":
        """Inverse of `header` and `arrays`.

        Raises:
            CorruptPredictor: the parts do not fit together.
            SemanticsMissing: trained with word vectors, which are not installed here.
        """
        plans: list[NumberedPlan] = [
            (tuple(steps), tuple((i, j) for i, j in edges)) for steps, edges in header["history"]
        ]
        rows = range(len(plans))  # of format 4, where every plan had a row and requests were not recognised
        requests = header.get("requests") or [list(rows), [""] * len(plans), [f"plan {row}" for row in rows]]
        history = RequestHistory(plans, *requests)
        kernel = RequestKernel.from_arrays(under("kernel.", arrays))
        space = PlanSpace(header["tools"], plans)
        ridge = StackedRidge.from_arrays(under("ridge.", arrays))
        if (len(ridge.second.weights), len(ridge.second.column)) != (kernel.size, space.columns):
            raise CorruptPredictor("the weights do not fit the plans and requests beside them")
        return cls(
            space,
            history,
            kernel,
            ridge,
            CrossRanker.from_stored(header["ranker"]),
            _calibrations(header["calibrations"]),
            ExpertWeights(np.array(header["weights"])) if "weights" in header else ExpertWeights.prior(),
            float(header.get("familiar", 0.0)),
            _calibrations(header.get("continued", header["calibrations"])),
            _calibrations(header.get("repeated", header["calibrations"])),
            CrossAlignment.from_arrays(of_words) if (of_words := under("alignment.", arrays)) else None,
        )


def _listed(calibrations: Calibrations) -> list[list[list[float]]]:
    return [[calibration.knots.tolist(), calibration.values.tolist()] for calibration in calibrations]


def _calibrations(listed: Sequence[tuple[list[float], list[float]]]) -> Calibrations:
    return Calibrations(*(IsotonicCalibration(np.array(knots), np.array(values)) for knots, values in listed))
