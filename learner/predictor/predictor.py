"""The plan predictor: from a goal in plain words to the plan the optimal planner would make, within milliseconds.

Four stages, each trained on what the one before says of examples it has not seen:

1. regressions from the likeness of requests to whole plans, steps, edges and length (`ridge`, exact leave-one-out);
2. candidates: the likeliest known plans, new chains of likely steps, small edits (`candidates`);
3. a ranker that turns the evidence for and against a candidate into a probability (`ranker`, cross-fitted);
4. the choice of highest expected similarity, and isotonic calibration of its parts (`decision`, `calibration`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from learner.predictor.calibration import IsotonicCalibration
from learner.predictor.candidates import candidates
from learner.predictor.cold import ColdGuess
from learner.predictor.decision import PlanChoice, choose
from learner.predictor.evidence import Evidence
from learner.predictor.example import GuessedPlan, PlanExample, ToolText
from learner.predictor.features import Considered, consider
from learner.predictor.kernel import RequestKernel
from learner.predictor.labels import LabelCounts, Plan, PlanSpace, works
from learner.predictor.lexical import CatalogText, described
from learner.predictor.ranker import PlanRanker, unranked
from learner.predictor.ridge import StackedRidge
from learner.predictor.semantics import installed_word_vectors

WINDOW = 2_500  # examples learned from: the cost is cubic in them
MOST_DESCRIBED = 1_000  # tools of a catalog up to which their descriptions are examples too: the same cost
_PENALTY = 0.1
_GROUPS = 10


class Calibrations(NamedTuple):
    """One map per kind of probability."""

    whole: IsotonicCalibration
    step: IsotonicCalibration
    edge: IsotonicCalibration
    work: IsotonicCalibration


@dataclass(frozen=True)
class Fitted:
    """What training leaves behind."""

    space: PlanSpace
    history: list[Plan]
    kernel: RequestKernel
    ridge: StackedRidge
    ranker: PlanRanker | None
    calibrations: Calibrations


class TrainedPlanPredictor:
    """Immutable once made: `cold` from a catalog, `fit` from outcomes, `load` from a file."""

    def __init__(self, catalog: Sequence[ToolText], fitted: Fitted | None) -> None:
        self.catalog = tuple(catalog)
        self.fitted = fitted
        self._text = CatalogText(self.catalog if fitted is None else _with_unlisted(self.catalog, fitted.space.tools))
        # As in training: what a ranker learned to trust is the cold guess with meaning, or that without.
        by_meaning = fitted is None or fitted.kernel.by_meaning
        self._cold = ColdGuess(self._text, installed_word_vectors() if by_meaning else None)

    @classmethod
    def cold(cls, catalog: Sequence[ToolText]) -> "TrainedPlanPredictor":
        """Before the first outcome: the words of the catalog and what feeds what by its schemas."""
        return cls(catalog, None)

    @classmethod
    def fit(
        cls, examples: Sequence[PlanExample], catalog: Sequence[ToolText], *, seed: int = 0
    ) -> "TrainedPlanPredictor":
        """Learn from past plans; of more than `WINDOW`, the most recent half and a sample of the older ones.

        Deterministic given ``seed``. About a minute on one core for 2,400 examples, under a second for 50.
        """
        used = [example for example in _windowed(examples, seed) if example.steps]
        if not used:
            return cls.cold(catalog)
        space, plans = PlanSpace.of([tool.name for tool in catalog], used)
        text = CatalogText(_with_unlisted(tuple(catalog), space.tools))
        cold = ColdGuess(text, installed_word_vectors())
        requests = [example.request for example in used]
        described_tools = [described(tool) for tool in text.catalog] if len(space.tools) <= MOST_DESCRIBED else []
        kernel = RequestKernel.fit([*requests, *described_tools], installed_word_vectors())
        targets = np.vstack([space.targets(plans), space.described()[: len(described_tools)]])
        ridge, left_out = StackedRidge.fit(kernel.matrix(), targets, space.step_and_edge_columns, _PENALTY)
        considered = [
            _consider(space, Evidence(left_out[row], *text.evidence(request), cold.heard(request)), tally, plan)
            for row, (request, plan, tally) in enumerate(
                zip(requests, plans, _tallies(space, plans, seed), strict=True)
            )
        ]
        truth = [one.nearest_to(space, plan) for one, plan in zip(considered, plans, strict=True)]
        ranker, probability = PlanRanker.fit(considered, truth, seed)
        chosen = [choose(space, one, p)[0] for one, p in zip(considered, probability, strict=True)]
        return cls(catalog, Fitted(space, plans, kernel, ridge, ranker, _calibrate(space, chosen, plans)))

    def predict(self, request: str, *, k: int = 1) -> list[GuessedPlan]:
        """The ``k`` best guesses, best first; empty when there is nothing to say."""
        if self.fitted is None:
            return self._cold(request)[:k]
        fitted = self.fitted
        scores = fitted.ridge.scores(fitted.kernel.row(request))
        evidence = Evidence(scores, *self._text.evidence(request), self._cold.heard(request))
        considered = _consider(fitted.space, evidence, fitted.space.tally)
        probability = fitted.ranker.probabilities(considered) if fitted.ranker else unranked(considered)
        return [_guess(fitted, choice) for choice in choose(fitted.space, considered, probability, k)]

    def save(self, path: Path) -> None:
        """Write one file, replacing it whole or not at all."""
        from learner.predictor.storage import write  # noqa: PLC0415 - storage knows the predictor

        write(self, path)

    @classmethod
    def load(cls, path: Path) -> "TrainedPlanPredictor":
        """Read what `save` wrote.

        Raises:
            CorruptPredictor: when the file is not a whole predictor of this format.
            SemanticsMissing: when it was trained with word vectors that are not installed.
        """
        from learner.predictor.storage import read  # noqa: PLC0415 - storage knows the predictor

        return read(path)


def _windowed(examples: Sequence[PlanExample], seed: int) -> list[PlanExample]:
    if len(examples) <= WINDOW:
        return list(examples)
    recent = len(examples) - WINDOW // 2
    older = np.random.default_rng(seed).choice(recent, WINDOW - WINDOW // 2, replace=False)
    return [examples[i] for i in sorted(older.tolist())] + list(examples[recent:])


def _with_unlisted(catalog: tuple[ToolText, ...], tools: Sequence[str]) -> list[ToolText]:
    """One text per tool of the space, in its order; a tool that left the catalog is known by its name."""
    texts = {tool.name: tool for tool in catalog}
    return [texts.get(tool, ToolText(tool, "")) for tool in tools]


def _tallies(space: PlanSpace, plans: list[Plan], seed: int) -> list[LabelCounts]:
    """Per example, what was seen outside its group of examples.

    Leaving out the example alone would give its plan away: its count, and no other's, would be one short.
    """
    group = np.random.default_rng(seed).permutation(len(plans)) % _GROUPS
    members: list[list[Plan]] = [[] for _ in range(_GROUPS)]
    for index, plan in zip(group.tolist(), plans, strict=True):
        members[index].append(plan)
    outside = [space.tally.less(space.tallied(own)) for own in members]
    return [outside[index] for index in group.tolist()]


def _consider(space: PlanSpace, evidence: Evidence, tally: LabelCounts, own: Plan | None = None) -> Considered:
    return consider(space, candidates(space, evidence, own), evidence, tally, own)


def _calibrate(space: PlanSpace, chosen: list[PlanChoice], plans: list[Plan]) -> Calibrations:
    whole: list[tuple[float, bool]] = []
    step: list[tuple[float, bool]] = []
    edge: list[tuple[float, bool]] = []
    work: list[tuple[float, bool]] = []
    for choice, plan in zip(chosen, plans, strict=True):
        true_steps, true_edges = set(space.steps_of(plan)), set(space.edges_of(plan))
        steps, edges = space.steps_of(choice.plan), space.edges_of(choice.plan)
        whole.append((choice.whole, set(steps) == true_steps and set(edges) == true_edges))
        step += [(float(p), label in true_steps) for p, label in zip(choice.steps, steps, strict=True)]
        edge += [(float(p), label in true_edges) for p, label in zip(choice.edges, edges, strict=True)]
        true_works = set(works(plan))
        work += [(float(p), one in true_works) for p, one in zip(choice.works, works(choice.plan), strict=True)]
    return Calibrations(*map(_calibration, (whole, step, edge, work)))


def _calibration(pairs: list[tuple[float, bool]]) -> IsotonicCalibration:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return IsotonicCalibration.fit(table[:, 0], table[:, 1])


def _guess(fitted: Fitted, choice: PlanChoice) -> GuessedPlan:
    tools, edges = choice.plan
    calibrations = fitted.calibrations
    return GuessedPlan(
        tuple(fitted.space.tools[tool] for tool in tools),
        edges,
        tuple(calibrations.step(choice.steps).tolist()),
        tuple(calibrations.edge(choice.edges).tolist()),
        float(calibrations.whole(np.array([choice.whole]))[0]),
        tuple(calibrations.work(choice.works).tolist()),
    )
