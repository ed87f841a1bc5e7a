"""From probabilities of candidates to the guess: the one of highest *expected similarity*, not the most probable.

Minimum Bayes risk: with p the posterior over candidates, guess argmax_c sum_t p(t) similarity(c, t). Where two plans
compete, it prefers one that shares steps and edges with both.
"""

from dataclasses import dataclass

import numpy as np

from learner.predictor.features import Considered, Incidence
from learner.predictor.labels import Plan, PlanSpace
from learner.predictor.vectors import Floats


@dataclass(frozen=True)
class Choice:
    """A chosen plan with raw probabilities, not yet calibrated: of the whole, of each step, of each edge."""

    plan: Plan
    whole: float
    steps: Floats
    edges: Floats


def choose(space: PlanSpace, considered: Considered, probability: Floats, k: int = 1) -> list[Choice]:
    """The ``k`` candidates of highest expected similarity. A part is as probable as all candidates that have it."""
    posterior = probability / max(float(probability.sum()), 1e-9)
    order = np.argsort(-(considered.similarity @ posterior), kind="stable")[:k]
    step_mass = _mass(considered.steps, posterior)
    edge_mass = _mass(considered.edges, posterior)
    return [
        Choice(
            plan := considered.plans[index],
            float(probability[index]),
            np.array([step_mass[label] for label in space.steps_of(plan)], dtype=np.float32),
            np.array([edge_mass[label] for label in space.edges_of(plan)], dtype=np.float32),
        )
        for index in order.tolist()
    ]


def _mass(incidence: Incidence, posterior: Floats) -> dict[int, float]:
    return dict(zip(incidence.labels.tolist(), (posterior @ incidence.has).tolist(), strict=True))
