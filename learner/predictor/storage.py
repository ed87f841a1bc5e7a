"""A predictor as one file: an npz archive of plain arrays and JSON. Nothing in it is ever unpickled."""

import io
import json
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learner.predictor.calibration import IsotonicCalibration
from learner.predictor.errors import CorruptPredictor, PredictorError
from learner.predictor.example import ToolText
from learner.predictor.kernel import RequestKernel
from learner.predictor.labels import Plan, PlanSpace
from learner.predictor.predictor import Calibrations, Fitted, TrainedPlanPredictor
from learner.predictor.ranker import PlanRanker
from learner.predictor.ridge import StackedRidge

FORMAT = 4  # raise it when arrays or labels change their meaning
_Arrays = dict[str, NDArray[np.generic]]


def write(predictor: TrainedPlanPredictor, path: Path) -> None:
    """To a temporary file beside ``path``, then over it."""
    header: dict[str, Any] = {"format": FORMAT, "catalog": [asdict(tool) for tool in predictor.catalog]}
    arrays: _Arrays = {}
    if predictor.fitted is not None:
        fitted = predictor.fitted
        header |= {
            "tools": fitted.space.tools,
            "history": fitted.history,
            "ranker": fitted.ranker.text() if fitted.ranker else None,
            "calibrations": [[c.knots.tolist(), c.values.tolist()] for c in fitted.calibrations],
        }
        arrays = {f"kernel.{key}": value for key, value in fitted.kernel.arrays().items()}
        arrays |= {f"ridge.{key}": value for key, value in fitted.ridge.arrays().items()}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes no dict of arrays
    temporary.replace(path)


def read(path: Path) -> TrainedPlanPredictor:
    """Inverse of `write`; every way a file can be damaged is one error."""
    try:
        # From memory: numpy leaves a file open when the archive in it is damaged.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            arrays: _Arrays = {name: archive[name] for name in archive.files}
        header = json.loads(arrays.pop("header").tobytes())
        if header["format"] != FORMAT:
            raise CorruptPredictor(f"{path.name}: format {header['format']}, this version reads {FORMAT}")
        return _built(header, arrays)
    except PredictorError:
        raise
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise CorruptPredictor(f"{path.name}: {error}") from error


def _built(header: dict[str, Any], arrays: _Arrays) -> TrainedPlanPredictor:
    catalog = [
        ToolText(tool["name"], tool["description"], tuple(tool["inputs"]), tuple(tool["outputs"]))
        for tool in header["catalog"]
    ]
    if "tools" not in header:
        return TrainedPlanPredictor(catalog, None)
    history: list[Plan] = [(tuple(steps), tuple((i, j) for i, j in edges)) for steps, edges in header["history"]]
    kernel = RequestKernel.from_arrays(_under("kernel.", arrays))
    space = PlanSpace(header["tools"], history)
    ridge = StackedRidge.from_arrays(_under("ridge.", arrays))
    if ridge.second.weights.shape != (kernel.size, space.columns):
        raise CorruptPredictor("the weights do not fit the plans and requests beside them")
    fitted = Fitted(
        space,
        history,
        kernel,
        ridge,
        PlanRanker.from_text(header["ranker"]) if header["ranker"] else None,
        Calibrations(
            *(IsotonicCalibration(np.array(knots), np.array(values)) for knots, values in header["calibrations"])
        ),
    )
    return TrainedPlanPredictor(catalog, fitted)


def _under(prefix: str, arrays: _Arrays) -> _Arrays:
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
