"""The plan predictor: from a goal in plain words to the plan the optimal planner would make, within milliseconds.

Four stages:

1. regressions from the similarity of requests to whole plans, steps, edges and length (`ridge`, exact leave-one-out);
2. candidates: the likeliest known plans, new chains of likely steps, small edits (`candidates`);
3. a ranker that chooses among the candidates by the evidence for and against each (`cross_ranker`, cross-fitted);
4. the choice of highest expected similarity, and isotonic calibration of its parts (`decision`, `calibration`).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from learner.predictor import storage
from learner.predictor.arrays import Floats
from learner.predictor.calibration import IsotonicCalibration
from learner.predictor.catalog_text import CatalogText
from learner.predictor.cold_guess import ColdGuess
from learner.predictor.decision import PlanChoice, choose
from learner.predictor.example import PlanExample, ToolText
from learner.predictor.fitted import Calibrations, FittedModels
from learner.predictor.forecast import Forecast, continued, forecast
from learner.predictor.training import fit_models
from learner.predictor.word_vectors import installed_word_vectors
from planners.speculative.predictor import ConfirmedSteps, GuessedPlan

_KEPT = 64  # requests whose evidence is kept while their plans stream in


class TrainedPlanPredictor:
    """Fulfils `planners.speculative.PlanPredictor`. Made by `cold`, by `fit` from outcomes, or by `load` from a file.

    Immutable: `predict` depends on its arguments alone and may be called from any number of threads.
    """

    def __init__(self, catalog: Sequence[ToolText], fitted: FittedModels | None) -> None:
        self.catalog = tuple(catalog)
        self.fitted = fitted
        self._text = CatalogText(self.catalog, None if fitted is None else len(fitted.space.tools))
        # As in training: a ranker knows the cold guess either with meaning or without.
        by_meaning = fitted is None or fitted.kernel.by_meaning
        self._cold = ColdGuess(self._text, installed_word_vectors() if by_meaning else None)
        self._forecast = lru_cache(maxsize=_KEPT)(self._new_forecast)

    def __reduce__(self) -> tuple[Any, ...]:
        """What is kept of past requests does not travel."""
        return TrainedPlanPredictor, (self.catalog, self.fitted)

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

    def predict(self, request_text: str, k: int = 1, kind: str = "") -> list[GuessedPlan]:
        """At most ``k`` guesses, the best first; none without a catalog and outcomes. Probabilities are calibrated."""
        if self.fitted is None:
            return self._cold(request_text)[:k]
        expected = self._forecast(request_text, kind)
        came_before = bool(expected.judgement.recalled.repeats)
        calibrations = self.fitted.repeated if came_before else self.fitted.calibrations
        return _guesses(self.fitted, expected, k, calibrations)

    def continuations(
        self, request_text: str, confirmed: ConfirmedSteps, k: int = 1, kind: str = ""
    ) -> list[GuessedPlan]:
        """At most ``k`` guesses that begin with the confirmed steps; none if nothing was learned about one of them.

        The evidence for a request is kept from `predict`, so that a continuation costs a fraction of a guess.
        """
        if self.fitted is None:
            return []
        number = self.fitted.space.number
        if not confirmed.steps or any(step not in number for step in confirmed.steps):
            return []
        prefix = tuple(number[step] for step in confirmed.steps), tuple(sorted(confirmed.edges))
        expected = continued(self.fitted, self._forecast(request_text, kind), prefix)
        return _guesses(self.fitted, expected, k, self.fitted.continued)

    def _new_forecast(self, request: str, kind: str) -> Forecast:
        assert self.fitted is not None
        return forecast(self.fitted, self._text, self._cold, request, kind)

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


def _guesses(fitted: FittedModels, expected: Forecast, k: int, calibrations: Calibrations) -> list[GuessedPlan]:
    """Each calibration is asked once for all guesses: asking has a fixed cost."""
    chosen, tools = choose(fitted.space, expected.considered, expected.probability, k), fitted.space.tools

    def likely(calibration: IsotonicCalibration, of_choice: Callable[[PlanChoice], Floats]) -> list[list[float]]:
        raw = [of_choice(choice) for choice in chosen]
        values = iter((expected.known * calibration(np.concatenate(raw))).tolist())
        return [list(islice(values, len(one))) for one in raw]

    whole = likely(calibrations.whole, lambda choice: np.array([choice.whole], dtype=np.float32))
    step = likely(calibrations.step, lambda choice: choice.steps)
    edge = likely(calibrations.edge, lambda choice: choice.edges)
    work = likely(calibrations.work, lambda choice: choice.works)
    return [
        GuessedPlan(
            steps=tuple(tools[number] for number in choice.plan[0]),
            edges=choice.plan[1],
            step_probability=tuple(step[at]),
            edge_probability=tuple(edge[at]),
            work_probability=tuple(work[at]),
            probability=whole[at][0],
        )
        for at, choice in enumerate(chosen)
    ]
