"""Past plans whose first steps are taken as known: what the ranker and the calibration of continuations learn from.

Candidates that begin as the true plan does are harder to tell apart than those of a whole guess, so the ranker learns
from both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from learner.predictor.cross_ranker import unranked
from learner.predictor.features import CandidateFeatures
from learner.predictor.forecast import Judgement, continuation_features
from learner.predictor.numbered_plan import NumberedPlan, first_steps
from learner.predictor.plan_space import PlanSpace

_KNOWN_STEPS = (1, 2)
_MOST_REQUESTS = 2_000


@dataclass(frozen=True)
class Beginning:
    """The first steps of the plan of a request, and the candidates that begin with them."""

    request: int
    plan: NumberedPlan
    known_steps: int
    considered: CandidateFeatures


def beginnings(
    space: PlanSpace,
    judgements: Sequence[Judgement],
    considered: Sequence[CandidateFeatures],
    plans: Sequence[NumberedPlan],
    seed: int,
) -> Iterator[Beginning]:
    """Of each request's first plan; ``considered``: the candidates without known steps."""
    for request in np.random.default_rng(seed).permutation(len(plans))[:_MOST_REQUESTS].tolist():
        order = np.argsort(-unranked(considered[request]), kind="stable").tolist()
        likeliest = [considered[request].plans[at] for at in order]
        for known in _KNOWN_STEPS:
            if known <= len(plans[request][0]):
                prefix = first_steps(plans[request], known)
                found = continuation_features(space, judgements[request], prefix, likeliest)
                yield Beginning(request, plans[request], known, found)
