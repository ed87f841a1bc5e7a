"""Fits the models of a predictor to past plans.

Each stage trains on predictions that the stage before makes for examples it has not seen: leave-one-out scores of the
regressions, counts from other groups of examples, out-of-fold probabilities of the ranker.
"""

from collections.abc import Sequence

import numpy as np

from learner.predictor.calibration import IsotonicCalibration
from learner.predictor.candidates import candidates
from learner.predictor.catalog_text import CatalogText, tool_description
from learner.predictor.cold_guess import ColdGuess, Evidence
from learner.predictor.decision import PlanChoice, choose
from learner.predictor.example import PlanExample, ToolText
from learner.predictor.features import candidate_features
from learner.predictor.fitted import Calibrations, FittedModels
from learner.predictor.kernel import RequestKernel
from learner.predictor.numbered_plan import NumberedPlan, work_ids
from learner.predictor.plan_space import LabelCounts, PlanSpace
from learner.predictor.ranker import fit_ranker
from learner.predictor.ridge import StackedRidge
from learner.predictor.word_vectors import installed_word_vectors

WINDOW = 2_500  # examples learned from: the cost is cubic in them
MOST_DESCRIBED = 1_000  # tools of a catalog up to which their descriptions are examples too: the same cost
_PENALTY = 0.1
_GROUPS = 10


def fit_models(examples: Sequence[PlanExample], catalog: Sequence[ToolText], seed: int) -> FittedModels | None:
    """The models; None if no example has a step.

    Of more than `WINDOW` examples, the most recent half of the window and a sample of the older ones are used.
    Deterministic given ``seed``. About a minute on one core for 2,400 examples, under a second for 50.
    """
    used = [example for example in _windowed(examples, seed) if example.steps]
    if not used:
        return None
    space, plans = PlanSpace.of([tool.name for tool in catalog], used)
    text = CatalogText(tool_texts_of(space.tools, catalog))
    cold = ColdGuess(text, installed_word_vectors())
    requests = [example.request for example in used]
    descriptions = [tool_description(tool) for tool in text.catalog] if len(space.tools) <= MOST_DESCRIBED else []
    kernel = RequestKernel.fit([*requests, *descriptions], installed_word_vectors())
    targets = np.vstack([space.targets(plans), space.tool_targets()[: len(descriptions)]])
    ridge, left_out = StackedRidge.fit(kernel.matrix(), targets, space.step_and_edge_columns, _PENALTY)
    considered = []
    for row, (request, plan, counts) in enumerate(zip(requests, plans, _counts(space, plans, seed), strict=True)):
        evidence = Evidence(left_out[row], *text.mentions(request), cold.of(request))
        considered.append(candidate_features(space, candidates(space, evidence, plan), evidence, counts, plan))
    truth = [one.nearest_to(space, plan) for one, plan in zip(considered, plans, strict=True)]
    ranker, probability = fit_ranker(considered, truth, seed)
    chosen = [choose(space, one, p)[0] for one, p in zip(considered, probability, strict=True)]
    return FittedModels(space, plans, kernel, ridge, ranker, _calibrations(space, chosen, plans))


def tool_texts_of(tools: Sequence[str], catalog: Sequence[ToolText]) -> list[ToolText]:
    """One text per tool, in their order; a tool that left the catalog is known by its name alone."""
    texts = {tool.name: tool for tool in catalog}
    return [texts.get(tool, ToolText(tool, "")) for tool in tools]


def _windowed(examples: Sequence[PlanExample], seed: int) -> list[PlanExample]:
    if len(examples) <= WINDOW:
        return list(examples)
    recent = len(examples) - WINDOW // 2
    older = np.random.default_rng(seed).choice(recent, WINDOW - WINDOW // 2, replace=False)
    return [examples[i] for i in sorted(older.tolist())] + list(examples[recent:])


def _counts(space: PlanSpace, plans: list[NumberedPlan], seed: int) -> list[LabelCounts]:
    """Per example, the counts outside its group of examples.

    Leaving out the example alone would give its plan away: its count, and no other's, would be one short.
    """
    group = np.random.default_rng(seed).permutation(len(plans)) % _GROUPS
    members: list[list[NumberedPlan]] = [[] for _ in range(_GROUPS)]
    for index, plan in zip(group.tolist(), plans, strict=True):
        members[index].append(plan)
    outside = [space.counts.minus(space.count(own)) for own in members]
    return [outside[index] for index in group.tolist()]


def _calibrations(space: PlanSpace, chosen: list[PlanChoice], plans: list[NumberedPlan]) -> Calibrations:
    whole: list[tuple[float, bool]] = []
    step: list[tuple[float, bool]] = []
    edge: list[tuple[float, bool]] = []
    work: list[tuple[float, bool]] = []
    labels = space.labels
    for choice, plan in zip(chosen, plans, strict=True):
        true_steps, true_edges = set(labels.steps_of(plan)), set(labels.edges_of(plan))
        steps, edges = labels.steps_of(choice.plan), labels.edges_of(choice.plan)
        whole.append((choice.whole, set(steps) == true_steps and set(edges) == true_edges))
        step += [(float(p), label in true_steps) for p, label in zip(choice.steps, steps, strict=True)]
        edge += [(float(p), label in true_edges) for p, label in zip(choice.edges, edges, strict=True)]
        true_works = set(work_ids(plan))
        work += [(float(p), one in true_works) for p, one in zip(choice.works, work_ids(choice.plan), strict=True)]
    return Calibrations(*map(_calibration, (whole, step, edge, work)))


def _calibration(pairs: list[tuple[float, bool]]) -> IsotonicCalibration:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return IsotonicCalibration.fit(table[:, 0], table[:, 1])
