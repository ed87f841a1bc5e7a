"""The models of a trained predictor, and their form in storage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learner.predictor.calibration import IsotonicCalibration
from learner.predictor.errors import CorruptPredictor
from learner.predictor.kernel import RequestKernel
from learner.predictor.numbered_plan import NumberedPlan
from learner.predictor.plan_space import PlanSpace
from learner.predictor.ranker import Ranker, ranker_from_text
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
    """The result of training. Immutable; ``ranker`` is None after few examples."""

    space: PlanSpace
    history: list[NumberedPlan]
    kernel: RequestKernel
    ridge: StackedRidge
    ranker: Ranker | None
    calibrations: Calibrations

    def header(self) -> dict[str, Any]:
        """The part that is stored as JSON."""
        return {
            "tools": self.space.tools,
            "history": self.history,
            "ranker": self.ranker.text() if self.ranker else None,
            "calibrations": [[c.knots.tolist(), c.values.tolist()] for c in self.calibrations],
        }

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The part that is stored as arrays."""
        kernel = {f"kernel.{key}": value for key, value in self.kernel.arrays().items()}
        return kernel | {f"ridge.{key}": value for key, value in self.ridge.arrays().items()}

    @classmethod
    def from_stored(cls, header: Mapping[str, Any], arrays: Arrays) -> "FittedModels":
        """Inverse of `header` and `arrays`.

        Raises:
            CorruptPredictor: the parts do not fit together.
            SemanticsMissing: trained with word vectors, which are not installed here.
        """
        history: list[NumberedPlan] = [
            (tuple(steps), tuple((i, j) for i, j in edges)) for steps, edges in header["history"]
        ]
        kernel = RequestKernel.from_arrays(under("kernel.", arrays))
        space = PlanSpace(header["tools"], history)
        ridge = StackedRidge.from_arrays(under("ridge.", arrays))
        if ridge.second.weights.shape != (kernel.size, space.columns):
            raise CorruptPredictor("the weights do not fit the plans and requests beside them")
        calibrations = (IsotonicCalibration(np.array(knots), np.array(v)) for knots, v in header["calibrations"])
        ranker = ranker_from_text(header["ranker"]) if header["ranker"] else None
        return cls(space, history, kernel, ridge, ranker, Calibrations(*calibrations))
