"""The experts that a prediction is mixed from: each gives every candidate plan a probability.

The ranker judges by similar requests, words and catalog. The others are what a simpler guesser would say: the catalog
alone, the plans that this very request got, its last one, the commonest plans of the kind, those of the most similar
request. Probabilities of one expert add up to at most 1; the rest is that the plan is none of the candidates.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from learner.predictor.arrays import Floats
from learner.predictor.history import Recollection
from learner.predictor.numbered_plan import NumberedPlan

EXPERTS = ("ranker", "catalog", "repeats", "last", "kind", "neighbour")
BY_SIMILARITY = [EXPERTS.index(name) for name in ("ranker", "neighbour")]
_COLD = 0.7  # of the catalog's confidence


def expert_probabilities(plans: Sequence[NumberedPlan], ranked: Floats, cold: Floats, recalled: Recollection) -> Floats:
    """One row per expert, in the order of `EXPERTS`, (experts, candidates)."""
    at = {plan: index for index, plan in enumerate(plans)}
    rows = [
        ranked / max(1.0, float(ranked.sum())),
        _COLD * cold / max(1.0, float(cold.sum())),
        _shares(at, Counter(recalled.repeats)),
        _shares(at, Counter(recalled.repeats[-1:])),
        _shares(at, recalled.of_kind),
        recalled.similarity * _shares(at, Counter(recalled.neighbour)),
    ]
    return np.stack(rows).astype(np.float32)


def _shares(at: dict[NumberedPlan, int], counts: Counter[NumberedPlan]) -> Floats:
    out = np.zeros(len(at), dtype=np.float32)
    total = counts.total()
    if total:
        for plan, index in at.items():
            out[index] = counts.get(plan, 0) / total
    return out
