"""What simpler guessers would say, and how good any guess can be, beside the figures of the trained predictor."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from learner.predictor import PlanExample
from learner.predictor.example import edge_names
from learner.predictor.history import request_key
from planners.similarity import multiset_f1
from planners.text.tfidf import TfidfIndex

Guesser = Callable[[str], PlanExample | None]


def simple_guessers(past: Sequence[PlanExample]) -> dict[str, Guesser]:
    """By name: request -> guess. ``past`` is oldest first.

    ``constant``: the commonest plan. ``last`` and ``commonest``: of the same request; None for a new one.
    ``nearest``: the last plan of the request with the most similar words, the same one where it came before.
    """
    same = defaultdict[str, list[PlanExample]](list)
    for example in past:
        same[request_key(example.request)].append(example)
    constant = _commonest(past)
    words: TfidfIndex[str] = TfidfIndex()
    for example in past:
        words.add(request_key(example.request), example.request)

    def nearest(request: str) -> PlanExample | None:
        found = words.nearest(request)
        return same[found[0][0]][-1] if found else None

    return {
        "constant": lambda _: constant,
        "last": lambda request: next(iter(same.get(request_key(request), [])[::-1]), None),
        "commonest": lambda request: _commonest(same.get(request_key(request), [])),
        "nearest": nearest,
    }


def guesser_figures(guesser: Guesser, truth: Sequence[PlanExample]) -> dict[str, float]:
    """Similarity and exactness; no guess scores zero."""
    scores = [plan_score(guesser(example.request), example) for example in truth]
    similarity, exact = np.mean(scores, axis=0).tolist() if scores else (0.0, 0.0)
    return {"similarity": similarity, "exact": exact}


def plan_score(guess: PlanExample | None, truth: PlanExample) -> tuple[float, float]:
    """Similarity of a guess and the true plan, and 1 where they are equal."""
    if guess is None:
        return 0.0, 0.0
    ours, theirs = edge_names(guess.steps, guess.edges), edge_names(truth.steps, truth.edges)
    exact = Counter(guess.steps) == Counter(truth.steps) and Counter(ours) == Counter(theirs)
    return (multiset_f1(guess.steps, truth.steps) + multiset_f1(ours, theirs)) / 2, float(exact)


def rest_similarity(guess: PlanExample, truth: PlanExample, known: int) -> float:
    """Similarity of what both hold beside the first ``known`` steps of the true plan and the edges among them."""
    steps = truth.steps[:known]
    edges = edge_names(truth.steps, [edge for edge in truth.edges if max(edge) < known])
    return (
        multiset_f1(_without(guess.steps, steps), _without(truth.steps, steps))
        + multiset_f1(
            _without(edge_names(guess.steps, guess.edges), edges), _without(edge_names(truth.steps, truth.edges), edges)
        )
    ) / 2


def _without(parts: Sequence[object], known: Sequence[object]) -> list[object]:
    return list((Counter(parts) - Counter(known)).elements())


def _commonest(plans: Sequence[PlanExample]) -> PlanExample | None:
    counts = Counter((plan.steps, plan.edges) for plan in plans)
    return PlanExample("", *counts.most_common(1)[0][0]) if counts else None
