"""From candidate probabilities to the guess: the plan of highest *expected similarity*, not the most probable one.

Minimum Bayes risk: with p the posterior over candidates, the guess is argmax_c sum_t p(t) similarity(c, t). Where two
plans compete, it prefers one that shares steps and edges with both.

The work of a step survives if the true plan holds the step with all its ancestors. Its probability is therefore the
posterior of the candidates that do, not the product of the probabilities of its parts, which are not independent.
"""

from dataclasses import dataclass

import numpy as np

from learner.predictor.arrays import Floats
from learner.predictor.features import LabelledCandidates
from learner.predictor.incidence import Incidence
from learner.predictor.numbered_plan import NumberedPlan, distinct_work_ids, work_ids
from learner.predictor.plan_space import PlanSpace

_DIGITS = 5  # of what plans are worth: where they agree, the first candidate is chosen
_EXACT = 0.2  # what it is worth that the plan is right as a whole, beside its similarity


@dataclass(frozen=True)
class PlanChoice:
    """A chosen plan with raw, uncalibrated probabilities: of the whole, and of each step, edge and step's work."""

    plan: NumberedPlan
    whole: float
    steps: Floats
    edges: Floats
    works: Floats


def choose(space: PlanSpace, considered: LabelledCandidates, probability: Floats, k: int = 1) -> list[PlanChoice]:
    """The ``k`` candidates of highest expected similarity. A part is as probable as all candidates that have it."""
    posterior = _posterior(probability)
    worth = expected_worth(considered.similarity, probability).round(_DIGITS)
    order = np.argsort(-worth, kind="stable")[:k]
    step_mass = _mass(considered.steps, posterior)
    edge_mass = _mass(considered.edges, posterior)
    work_mass = _work_mass(considered.plans, posterior)
    return [
        PlanChoice(
            plan := considered.plans[index],
            float(probability[index]),
            np.array([step_mass[label] for label in space.labels.steps_of(plan)], dtype=np.float32),
            np.array([edge_mass[label] for label in space.labels.edges_of(plan)], dtype=np.float32),
            np.array([work_mass[work] for work in work_ids(plan)], dtype=np.float32),
        )
        for index in order.tolist()
    ]


def expected_worth(similarity: Floats, probability: Floats) -> Floats:
    """What each candidate is worth as the guess; ``similarity``: of the candidates to each other."""
    posterior = _posterior(probability)
    return np.asarray(similarity @ posterior + _EXACT * posterior, dtype=np.float32)


def _posterior(probability: Floats) -> Floats:
    return np.asarray(probability / max(float(probability.sum()), 1e-9), dtype=np.float32)


def _work_mass(plans: list[NumberedPlan], posterior: Floats) -> dict[int, float]:
    mass: dict[int, float] = {}
    for plan, p in zip(plans, posterior.tolist(), strict=True):
        for work in distinct_work_ids(plan):
            mass[work] = mass.get(work, 0.0) + p
    return mass


def _mass(incidence: Incidence, posterior: Floats) -> dict[int, float]:
    return dict(zip(incidence.labels.tolist(), (posterior @ incidence.has).tolist(), strict=True))
