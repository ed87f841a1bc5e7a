"""The plan predictor: from a goal in plain words to the plan the optimal planner would make, within milliseconds.

Four stages:

1. regressions from the similarity of requests to whole plans, steps, edges and length (`ridge`, exact leave-one-out);
2. candidates: the likeliest known plans, new chains of likely steps, small edits (`candidates`);
3. a ranker that turns the evidence for and against a candidate into a probability (`ranker`, cross-fitted);
4. the choice of highest expected similarity, and isotonic calibration of its parts (`decision`, `calibration`).
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from learner.predictor import storage
from learner.predictor.candidates import candidates
from learner.predictor.catalog_text import CatalogText
from learner.predictor.cold_guess import ColdGuess, Evidence
from learner.predictor.decision import PlanChoice, choose
from learner.predictor.example import PlanExample, ToolText
from learner.predictor.features import candidate_features
from learner.predictor.fitted import FittedModels
from learner.predictor.ranker import unranked
from learner.predictor.training import fit_models, tool_texts_of
from learner.predictor.word_vectors import installed_word_vectors
from planners.speculative.predictor import GuessedPlan


class TrainedPlanPredictor:
    """Fulfils `planners.speculative.PlanPredictor`. Made by `cold`, by `fit` from outcomes, or by `load` from a file.

    Immutable: `predict` depends on its arguments alone and may be called from any number of threads.
    """

    def __init__(self, catalog: Sequence[ToolText], fitted: FittedModels | None) -> None:
        self.catalog = tuple(catalog)
        self.fitted = fitted
        self._text = CatalogText(self.catalog if fitted is None else tool_texts_of(fitted.space.tools, self.catalog))
        # As in training: a ranker knows the cold guess either with meaning or without.
        by_meaning = fitted is None or fitted.kernel.by_meaning
        self._cold = ColdGuess(self._text, installed_word_vectors() if by_meaning else None)

    @classmethod
    def cold(cls, catalog: Sequence[ToolText]) -> "TrainedPlanPredictor":
        """A predictor without outcomes: it uses the words of the catalog and what its schemas connect."""
        return cls(catalog, None)

    @classmethod
    def fit(
        cls, examples: Sequence[PlanExample], catalog: Sequence[ToolText], *, seed: int = 0
    ) -> "TrainedPlanPredictor":
        """Learn from past plans (`learner.predictor.training`). Deterministic given ``seed``."""
        return cls(catalog, fit_models(examples, catalog, seed))

    def predict(self, request_text: str, k: int = 1) -> list[GuessedPlan]:
        """At most ``k`` guesses, the best first; none without a catalog and outcomes. Probabilities are calibrated."""
        if self.fitted is None:
            return self._cold(request_text)[:k]
        fitted = self.fitted
        scores = fitted.ridge.scores(fitted.kernel.row(request_text))
        evidence = Evidence(scores, *self._text.mentions(request_text), self._cold.of(request_text))
        plans = candidates(fitted.space, evidence)
        considered = candidate_features(fitted.space, plans, evidence, fitted.space.counts)
        probability = fitted.ranker.probabilities(considered) if fitted.ranker else unranked(considered)
        return [_guess(fitted, choice) for choice in choose(fitted.space, considered, probability, k)]

    def save(self, path: Path) -> None:
        """Write one file: to a temporary file beside ``path``, then over it."""
        header = {"catalog": [asdict(tool) for tool in self.catalog]}
        header |= self.fitted.header() if self.fitted is not None else {}
        raw = storage.to_bytes(header, self.fitted.arrays() if self.fitted is not None else {})
        temporary = path.with_name(path.name + ".part")
        temporary.write_bytes(raw)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "TrainedPlanPredictor":
        """Read what `save` wrote.

        Raises:
            CorruptPredictor: the file is no whole predictor of this format.
            SemanticsMissing: it was trained with word vectors, which are not installed here.
        """
        with storage.damage_reported(path.name):
            header, arrays = storage.from_bytes(path.read_bytes(), path.name)
            catalog = [
                ToolText(tool["name"], tool["description"], tuple(tool["inputs"]), tuple(tool["outputs"]))
                for tool in header["catalog"]
            ]
            return cls(catalog, FittedModels.from_stored(header, arrays) if "tools" in header else None)


def _guess(fitted: FittedModels, choice: PlanChoice) -> GuessedPlan:
    tools, edges = choice.plan
    calibrations = fitted.calibrations
    return GuessedPlan(
        steps=tuple(fitted.space.tools[tool] for tool in tools),
        edges=edges,
        step_probability=tuple(calibrations.step(choice.steps).tolist()),
        edge_probability=tuple(calibrations.edge(choice.edges).tolist()),
        work_probability=tuple(calibrations.work(choice.works).tolist()),
        probability=float(calibrations.whole(np.array([choice.whole]))[0]),
    )
