"""All trained models together, as planners use them and as bytes for the registry."""

import io
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from learner.models.durations import DurationModel
from learner.models.survival import SurvivalModel
from learner.models.trees import Trees
from learner.predictor import TrainedPlanPredictor
from reconciler.gate import Calibration

_SURVIVAL, _CALIBRATION, _DURATIONS, _PREDICTOR = "survival.txt", "survival.npz", "durations.json", "predictor.npz"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelBundle:
    """The result of training. LightGBM's texts are kept beside the trees read from them, to be stored again."""

    survival: SurvivalModel | None = None
    survival_text: str = ""
    durations: Mapping[str, DurationModel] = field(default_factory=dict)
    duration_texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    predictor: TrainedPlanPredictor | None = None


class DecodedBundle(NamedTuple):
    """The models that could be read, and what could not be read."""

    models: ModelBundle
    unreadable: tuple[str, ...]


def encode(models: ModelBundle) -> dict[str, bytes]:
    """File name -> content: LightGBM text, npz and JSON. Reading them executes no code."""
    files: dict[str, bytes] = {}
    if models.survival is not None:
        files[_SURVIVAL] = models.survival_text.encode()
        files[_CALIBRATION] = _encode_calibration(models.survival.calibration)
    index = {}
    for number, (agent, model) in enumerate(sorted(models.durations.items())):
        index[agent] = {"features": model.features, "smear": model.smear, "number": number}
        for quantile, text in zip(("p50", "p90"), models.duration_texts[agent], strict=True):
            files[f"duration{number}_{quantile}.txt"] = text.encode()
    files[_DURATIONS] = json.dumps(index, sort_keys=True).encode()
    if models.predictor is not None:
        with tempfile.TemporaryDirectory() as folder:
            models.predictor.save(Path(folder) / _PREDICTOR)
            files[_PREDICTOR] = (Path(folder) / _PREDICTOR).read_bytes()
    return files


def decode(files: Mapping[str, bytes]) -> ModelBundle:
    """Inverse of `encode`. Raises anything on bytes that cannot be read completely."""
    models, unreadable = decode_readable(files)
    if unreadable:
        raise ValueError("; ".join(unreadable))
    return models


def decode_readable(files: Mapping[str, bytes]) -> DecodedBundle:
    """The models that can be read here: a predictor of another release must not cost the other models.

    Raises anything if the index of the files cannot be read.
    """
    index = json.loads(files[_DURATIONS])
    unreadable: list[str] = []

    def attempt(name: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Exception as error:  # noqa: BLE001 a boundary: whatever a parser raises on foreign bytes
            unreadable.append(f"{name} cannot be read: {type(error).__name__}: {error}")
            return None

    survival = attempt("survival", partial(_decode_survival, files)) if _SURVIVAL in files else None
    durations = {
        agent: attempt(f"duration:{agent}", partial(_decode_duration, files, stored)) for agent, stored in index.items()
    }
    predictor = attempt("predictor", partial(_decode_predictor, files[_PREDICTOR])) if _PREDICTOR in files else None
    readable = {agent: found for agent, found in durations.items() if found is not None}
    models = ModelBundle(
        survival=survival[0] if survival else None,
        survival_text=survival[1] if survival else "",
        durations={agent: found[0] for agent, found in readable.items()},
        duration_texts={agent: found[1] for agent, found in readable.items()},
        predictor=predictor,
    )
    return DecodedBundle(models, tuple(unreadable))


def _decode_survival(files: Mapping[str, bytes]) -> tuple[SurvivalModel, str]:
    text = files[_SURVIVAL].decode()
    return SurvivalModel(_trees(text), _decode_calibration(files[_CALIBRATION])), text


def _decode_duration(files: Mapping[str, bytes], stored: Mapping[str, Any]) -> tuple[DurationModel, tuple[str, str]]:
    p50, p90 = (files[f"duration{stored['number']}_{quantile}.txt"].decode() for quantile in ("p50", "p90"))
    return DurationModel(tuple(stored["features"]), _trees(p50), _trees(p90), float(stored["smear"])), (p50, p90)


def _trees(text: str) -> Trees:
    import lightgbm as lgb  # noqa: PLC0415 -- it takes a second, and only stored models need it

    return Trees.of(lgb.Booster(model_str=text))


def _encode_calibration(calibration: Calibration) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, claimed=np.array(calibration.claimed), observed=np.array(calibration.observed))
    return buffer.getvalue()


def _decode_calibration(content: bytes) -> Calibration:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return Calibration(claimed=tuple(stored["claimed"].tolist()), observed=tuple(stored["observed"].tolist()))


def _decode_predictor(content: bytes) -> TrainedPlanPredictor:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _PREDICTOR
        path.write_bytes(content)
        return TrainedPlanPredictor.load(path)
