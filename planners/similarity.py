"""Similarity of two plans: multiset F1 of steps and of edges, and placement apart from it."""

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import NamedTuple

from planners.plans import Plan


class Similarity(NamedTuple):
    """All in 0..1. ``placement``: the share of the common steps that are on the same node."""

    step_f1: float
    edge_f1: float
    placement: float

    @property
    def similarity(self) -> float:
        """Mean of step F1 and edge F1."""
        return (self.step_f1 + self.edge_f1) / 2


def multiset_f1(guess: Iterable[Hashable], truth: Iterable[Hashable]) -> float:
    """F1 of two multisets: 2|A ∩ B| / (|A| + |B|); 1 if both are empty."""
    a, b = Counter(guess), Counter(truth)
    size = a.total() + b.total()
    return 2 * (a & b).total() / size if size else 1.0


def similarity(guess: Plan, truth: Plan) -> Similarity:
    """Compare steps as (capability, agent) and edges as ordered pairs of them, whatever their position."""
    nodes = _placements(guess), _placements(truth)
    shared = (Counter(guess_steps := _steps(guess)) & Counter(truth_steps := _steps(truth))).total()
    return Similarity(
        multiset_f1(guess_steps, truth_steps),
        multiset_f1(_edges(guess), _edges(truth)),
        (Counter(nodes[0]) & Counter(nodes[1])).total() / shared if shared else 0.0,
    )


def _steps(plan: Plan) -> list[tuple[str, str]]:
    return [(planned.step.capability, planned.placement.agent) for planned in plan.steps]


def _placements(plan: Plan) -> list[tuple[str, str, str]]:
    return [(planned.step.capability, planned.placement.agent, planned.placement.node) for planned in plan.steps]


def _edges(plan: Plan) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    label = {planned.id: (planned.step.capability, planned.placement.agent) for planned in plan.steps}
    return [
        (label[parent], label[planned.id])
        for planned in plan.steps
        for parent in planned.step.parents
        if parent in label
    ]
