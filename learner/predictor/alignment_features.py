"""The ranker's features of each candidate plan that say how well its tools explain the words of the request."""

import numpy as np

from learner.predictor.alignment import FROM_NO_TOOL, AlignedWords
from learner.predictor.arrays import Floats
from learner.predictor.incidence import Incidence
from learner.predictor.plan_space import PlanSpace, positions_in

FEATURES = 8
_FROM_TOOLS = np.float32(1 - FROM_NO_TOOL)
_LEAST_RATIO = np.float32(1e-6)


def alignment_features(space: PlanSpace, steps: Incidence, edges: Incidence, aligned: AlignedWords) -> list[Floats]:
    """`FEATURES` arrays, each (candidates,).

    Log-likelihood of the words, and how far it is below the best; the words that the tool with the fewest explains; the
    clearest word of the least clear tool, and of the clearest tool left out; the word that is explained worst in view
    of what other candidates make of it; whether tools are in the order of their words: least and mean distance.
    """
    candidates = len(steps.size)
    if not len(aligned.position):
        return [np.zeros(candidates, dtype=np.float32)] * FEATURES
    tools = space.labels.tool_of(steps.labels)
    is_first = space.labels.step_label(tools) == steps.labels
    distinct = steps.only(is_first)
    ratio = aligned.ratio(tools[is_first])
    share = _FROM_TOOLS / np.maximum(distinct.size, 1)[:, None]
    likelihood = share * (distinct.has @ ratio.T) + np.float32(FROM_NO_TOOL)  # (candidates, words)
    log_likelihood = np.log(likelihood)
    total = log_likelihood.sum(axis=1)
    explained = share * distinct.has * ((1 / likelihood) @ ratio)  # (candidates, tools)
    clearest = np.log(ratio.max(axis=0) + _LEAST_RATIO)
    attainable = np.log(np.float32(FROM_NO_TOOL) + _FROM_TOOLS * ratio.max(axis=1))
    place = share * distinct.has * ((aligned.position / likelihood) @ ratio) / np.maximum(explained, _LEAST_RATIO)
    return [
        total,
        total - total.max(),
        distinct.least(explained),
        distinct.least(clearest),
        distinct.most_left_out(clearest),
        (attainable - log_likelihood).max(axis=1),
        *_order(space, edges, distinct, place),
    ]


def _order(space: PlanSpace, edges: Incidence, steps: Incidence, place: Floats) -> list[Floats]:
    """Distance from the words of an edge's parent to those of its child: the least, and the mean, 0 without edges."""
    parents, children = (
        positions_in(steps.labels, space.labels.step_label(end)) for end in space.labels.ends_of(edges.labels)
    )
    move = place[:, children] - place[:, parents]
    least = np.where(edges.size > 0, edges.least(move), np.float32(0))
    return [least, (edges.has * move).sum(axis=1) / np.maximum(edges.size, 1)]
