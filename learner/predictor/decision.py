"""From probabilities of candidates to the guess: the one of highest *expected similarity*, not the most probable.

Minimum Bayes risk: with p the posterior over candidates, guess argmax_c sum_t p(t) similarity(c, t). Where two plans
compete, it prefers one that shares steps and edges with both.

A step's work survives if the true plan holds the step with all that is above it, so its probability is the posterior
of the candidates that do: not the product of those of its parts, which are anything but independent.
"""

from dataclasses import dataclass

import numpy as np

from learner.predictor.features import Drawn, Incidence
from learner.predictor.labels import Plan, PlanSpace, distinct_works, works
from learner.predictor.vectors import Floats


@dataclass(frozen=True)
class PlanChoice:
    """A chosen plan with raw probabilities, not yet calibrated: of the whole, of each step, edge, and step's work."""

    plan: Plan
    whole: float
    steps: Floats
    edges: Floats
    works: Floats


def choose(space: PlanSpace, considered: Drawn, probability: Floats, k: int = 1) -> list[PlanChoice]:
    """The ``k`` candidates of highest expected similarity. A part is as probable as all candidates that have it."""
    posterior = probability / max(float(probability.sum()), 1e-9)
    order = np.argsort(-(considered.similarity @ posterior), kind="stable")[:k]
    step_mass = _mass(considered.steps, posterior)
    edge_mass = _mass(considered.edges, posterior)
    work_mass = _work_mass(considered.plans, posterior)
    return [
        PlanChoice(
            plan := considered.plans[index],
            float(probability[index]),
            np.array([step_mass[label] for label in space.steps_of(plan)], dtype=np.float32),
            np.array([edge_mass[label] for label in space.edges_of(plan)], dtype=np.float32),
            np.array([work_mass[work] for work in works(plan)], dtype=np.float32),
        )
        for index in order.tolist()
    ]


def _work_mass(plans: list[Plan], posterior: Floats) -> dict[int, float]:
    mass: dict[int, float] = {}
    for plan, p in zip(plans, posterior.tolist(), strict=True):
        for work in distinct_works(plan):
            mass[work] = mass.get(work, 0.0) + p
    return mass


def _mass(incidence: Incidence, posterior: Floats) -> dict[int, float]:
    return dict(zip(incidence.labels.tolist(), (posterior @ incidence.has).tolist(), strict=True))
