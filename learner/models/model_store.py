"""The models in use and their stored versions."""

import math
from collections.abc import Mapping
from dataclasses import replace

from learner.errors import LearnerError
from learner.models.bundle import ModelBundle, decode, decode_readable, encode
from learner.models.predictor_training import PredictorTrainingResult
from learner.models.training import TrainingResult
from learner.registry import Manifest, Registry


class ModelStore:
    """Holds the champions, replaces them by better challengers, and stores every change as a version.

    A problem with the storage never stops learning: the models are in use all the same, and `problems` reports it.

    ``generation`` counts rollbacks. Training that began before a rollback challenges models that are no longer in use,
    so its result is discarded. ``predictor_number`` grows whenever another predictor comes into use.
    """

    def __init__(self, registry: Registry | None) -> None:
        self.models = ModelBundle()
        self.version: int | None = None
        self.figures: dict[str, float] = {}
        self.generation = self.predictor_number = 0
        self._registry = registry
        self._load_problems: tuple[str, ...] = ()
        self._save_problem = ""
        self._load()

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be loaded, and whether the current models could not be stored."""
        return (*self._load_problems, *([self._save_problem] if self._save_problem else []))

    def adopt(self, result: TrainingResult, outcomes: int) -> bool:
        """Use and store the models of a round of training, if any is better; return whether that was so."""
        if result.generation != self.generation:
            return False
        self._add_figures(result.figures)
        if result.replaced:
            # The predictor may be newer than the round.
            self._replace(replace(result.models, predictor=self.models.predictor), outcomes)
        return bool(result.replaced)

    def adopt_predictor(self, result: PredictorTrainingResult, outcomes: int) -> bool:
        """Use and store a new predictor, if it is better; return whether that was so."""
        if result.generation != self.generation:
            return False
        self._add_figures({"similarity": result.similarity, "champion_similarity": result.champion_similarity})
        if result.better:
            self._replace(replace(self.models, predictor=result.predictor), outcomes)
        return result.better

    def versions(self) -> list[Manifest]:
        """Stored versions, oldest first."""
        return self._registry.versions() if self._registry else []

    def rollback(self, version: int | None = None) -> int:
        """Use a stored version, None for the one before; return its number.

        Raises:
            LearnerError: there is no registry or no such version, or the version is damaged. Nothing has changed then.
        """
        if self._registry is None:
            raise LearnerError("models are not stored here, so there is no version to go back to")
        try:
            used = self._registry.rollback(version, decode)
        except OSError as error:
            raise LearnerError(f"the version in use could not be changed: {error}") from error
        self.generation += 1
        self._load()
        return used

    def _add_figures(self, figures: Mapping[str, float]) -> None:
        self.figures |= {name: value for name, value in figures.items() if math.isfinite(value)}

    def _replace(self, models: ModelBundle, outcomes: int) -> None:
        self._use(models, self.version)
        if self._registry is None:
            return
        try:
            self.version = self._registry.save(encode(models), outcomes=outcomes, figures=self.figures)
        except Exception as error:  # noqa: BLE001 a boundary: a full disk, or an encoder's error, must not stop learning
            self._save_problem = f"the models are in use, but could not be stored: {type(error).__name__}: {error}"
        else:
            self._save_problem = ""

    def _load(self) -> None:
        if self._registry is None:
            return
        found = self._registry.load(decode_readable)
        unreadable = found.value.unreadable if found.value else ()
        self._load_problems = (*map(str, found.corrupt), *(f"version {found.version}: {part}" for part in unreadable))
        if found.value is not None:
            self._use(found.value.models, found.version)

    def _use(self, models: ModelBundle, version: int | None) -> None:
        self.predictor_number += models.predictor is not self.models.predictor
        self.models, self.version = models, version
