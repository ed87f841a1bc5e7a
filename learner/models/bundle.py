"""All boosted models together, as planners use them and as bytes for the registry."""

import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import lightgbm as lgb
import numpy as np

from learner.models.durations import DurationModel
from learner.models.survival import SurvivalModel
from learner.models.trees import Trees
from learner.predictor import TrainedPlanPredictor
from reconciler.gate import Calibration

_SURVIVAL, _CALIBRATION, _DURATIONS, _PREDICTOR = "survival.txt", "survival.npz", "durations.json", "predictor.npz"


@dataclass(frozen=True, slots=True)
class ModelBundle:
    """What training makes. Texts are LightGBM's own, kept beside the trees read from them so they can be stored."""

    survival: SurvivalModel | None = None
    survival_text: str = ""
    durations: Mapping[str, DurationModel] = field(default_factory=dict)
    duration_texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    predictor: TrainedPlanPredictor | None = None


def encode(models: ModelBundle) -> dict[str, bytes]:
    """File name -> content: LightGBM text, npz, JSON. Nothing that runs code when it is read."""
    files: dict[str, bytes] = {}
    if models.survival is not None:
        files[_SURVIVAL] = models.survival_text.encode()
        files[_CALIBRATION] = _npz(models.survival.calibration)
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
    """Inverse of `encode`. Raises anything on bytes that are not what it wrote."""
    index = json.loads(files[_DURATIONS])
    texts = {
        agent: (files[f"duration{one['number']}_p50.txt"].decode(), files[f"duration{one['number']}_p90.txt"].decode())
        for agent, one in index.items()
    }
    survival_text = files.get(_SURVIVAL, b"").decode()
    return ModelBundle(
        survival=SurvivalModel(_trees(survival_text), _calibration(files[_CALIBRATION])) if survival_text else None,
        survival_text=survival_text,
        durations={
            agent: DurationModel(
                tuple(one["features"]), _trees(texts[agent][0]), _trees(texts[agent][1]), float(one["smear"])
            )
            for agent, one in index.items()
        },
        duration_texts=texts,
        predictor=_predictor(files[_PREDICTOR]) if _PREDICTOR in files else None,
    )


def _trees(text: str) -> Trees:
    return Trees.of(lgb.Booster(model_str=text))


def _npz(calibration: Calibration) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, claimed=np.array(calibration.claimed), observed=np.array(calibration.observed))
    return buffer.getvalue()


def _calibration(content: bytes) -> Calibration:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return Calibration(claimed=tuple(stored["claimed"].tolist()), observed=tuple(stored["observed"].tolist()))


def _predictor(content: bytes) -> TrainedPlanPredictor:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _PREDICTOR
        path.write_bytes(content)
        return TrainedPlanPredictor.load(path)
