"""Fits the models of a predictor to past plans.

Each stage trains on predictions that the stage before makes for requests it has not seen: leave-one-out scores of the
regressions, counts from other groups of requests, out-of-fold probabilities of the ranker. All repeats of a request are
left out together. What the request itself got before is the business of the last stage, the mixture of experts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Floats
from learner.predictor.catalog_text import CatalogText, tool_description
from learner.predictor.cold_guess import ColdGuess, Evidence
from learner.predictor.cross_alignment import CrossAlignment
from learner.predictor.example import PlanExample, ToolText
from learner.predictor.fitted import FittedModels
from learner.predictor.forecast import Judgement
from learner.predictor.history import RequestHistory, first_requests, request_key
from learner.predictor.kernel import RequestKernel
from learner.predictor.numbered_plan import NumberedPlan
from learner.predictor.plan_space import LabelCounts, PlanSpace
from learner.predictor.ridge import StackedRidge, best_penalty
from learner.predictor.stages import Stages
from learner.predictor.word_vectors import installed_word_vectors

WINDOW = 2_500  # requests learned from: the cost is cubic in them
MOST_DESCRIBED = 1_000  # tools of a catalog up to which their descriptions are examples too: the same cost
_GROUPS = 10
_UNFAMILIAR_SHARE = 0.05


def fit_models(examples: Sequence[PlanExample], catalog: Sequence[ToolText], seed: int) -> FittedModels | None:
    """The models; None if no example has a step.

    Of more than `WINDOW` requests, the most recent half of the window and a sample of the older ones are used.
    Deterministic given ``seed``. About a minute on one core for 2,400 examples, under a second for 50.
    """
    used = [example for example in _windowed(examples, seed) if example.steps]
    if not used:
        return None
    space, plans = PlanSpace.of([tool.name for tool in catalog], used)
    history = RequestHistory.of(used, plans)
    text = CatalogText(catalog, len(space.tools))
    requests = first_requests(used)
    descriptions = [tool_description(tool) for tool in text.catalog] if len(text.catalog) <= MOST_DESCRIBED else []
    kernel = RequestKernel.fit([*requests, *descriptions], installed_word_vectors())
    similarity = kernel.matrix()
    targets = np.vstack([_mean_targets(space, history), space.tool_targets()[: len(descriptions)]])
    times = np.concatenate([history.times, np.ones(len(descriptions))])
    parts = space.step_and_edge_columns
    penalty = best_penalty(similarity, targets, parts, times, seed)
    ridge, left_out = StackedRidge.fit(similarity, targets, parts, penalty, times)
    among = similarity[: len(requests), : len(requests)]
    steps_of = [[steps for steps, _ in plans] for plans in history.by_row]
    alignment = CrossAlignment.fit(requests, steps_of, descriptions, len(space.tools), seed)
    judgements = _judgements(space, history, requests, text, left_out, alignment, among, seed)
    familiar = float(np.quantile([one.recalled.similarity for one in judgements], _UNFAMILIAR_SHARE))
    stages = Stages(space, history, judgements, seed)
    return FittedModels(
        space,
        history,
        kernel,
        ridge,
        stages.ranker,
        stages.calibrations,
        stages.weights,
        familiar,
        stages.continued,
        stages.repeated,
        alignment,
    )


def _windowed(examples: Sequence[PlanExample], seed: int) -> list[PlanExample]:
    keys = [request_key(example.request) for example in examples]
    requests = list(dict.fromkeys(reversed(keys)))  # the most recent first
    if len(requests) <= WINDOW:
        return list(examples)
    recent = WINDOW - WINDOW // 2
    older = np.random.default_rng(seed).choice(len(requests) - recent, WINDOW - recent, replace=False) + recent
    kept = {*requests[:recent], *(requests[at] for at in older.tolist())}
    return [example for example, key in zip(examples, keys, strict=True) if key in kept]


def _mean_targets(space: PlanSpace, history: RequestHistory) -> NDArray[np.float64]:
    """The mean of the targets of each request's plans, (rows, columns)."""
    return np.stack([space.targets(plans).mean(axis=0) for plans in history.by_row])


def _judgements(  # noqa: PLR0913, PLR0917 - all that is known of the requests
    space: PlanSpace,
    history: RequestHistory,
    requests: Sequence[str],
    text: CatalogText,
    left_out: Floats,
    alignment: CrossAlignment,
    similarity: Floats,
    seed: int,
) -> list[Judgement]:
    """Of each request, by all others."""
    cold = ColdGuess(text, installed_word_vectors())
    last_kind, found = dict(zip(history.rows, history.kinds, strict=True)), list[Judgement]()
    for row, (request, counts) in enumerate(zip(requests, _counts(space, history, seed), strict=True)):
        recalled = history.recollection(row, last_kind[row], similarity[row])
        aligned = alignment.of(request, row)
        evidence = Evidence(left_out[row], *text.mentions(request), cold.of(request), aligned, text)
        found.append(Judgement(evidence, counts, recalled, history.only_in(row), row))
    return found


def _counts(space: PlanSpace, history: RequestHistory, seed: int) -> list[LabelCounts]:
    """Per request, the counts outside its group of requests.

    Leaving out the request alone would give its plan away: its count, and no other's, would be one short.
    """
    group = np.random.default_rng(seed).permutation(len(history.keys)) % _GROUPS
    members: list[list[NumberedPlan]] = [[] for _ in range(_GROUPS)]
    for index, plans in zip(group.tolist(), history.by_row, strict=True):
        members[index] += plans
    outside = [space.counts.minus(space.count(own)) for own in members]
    return [outside[index] for index in group.tolist()]
