"""What the ranker sees of each candidate plan: evidence for it, for its parts, and for what it leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learner.predictor.labels import Plan, PlanSpace, Tally, length_column
from learner.predictor.vectors import Floats

_NOTHING = np.float32(1e5)
_NEGLIGIBLE = 0.05  # label scores below this do not count as expected mass: hundreds of them would drown the rest


@dataclass(frozen=True)
class Evidence:
    """Everything known on one request: a row of scores, and the catalog's words per tool."""

    scores: Floats
    strength: Floats
    place: Floats


class Incidence:
    """Which label each candidate has, (candidates, labels)."""

    def __init__(self, label_lists: Sequence[list[int]]) -> None:
        column: dict[int, int] = {}
        for labels in label_lists:
            for label in labels:
                column.setdefault(label, len(column))
        self.labels = list(column)
        self.has = np.zeros((len(label_lists), len(column)), dtype=np.float32)
        rows = [row for row, labels in enumerate(label_lists) for _ in labels]
        self.has[rows, [column[label] for labels in label_lists for label in labels]] = 1.0
        self.size = self.has.sum(axis=1)
        self._mask = self.has > 0

    def f1(self) -> Floats:
        """F1 of each candidate against each other one."""
        total = self.size[:, None] + self.size[None, :]
        both_empty = total == 0
        shared = self.has @ self.has.T
        return np.asarray(np.where(both_empty, 1.0, 2 * shared / np.where(both_empty, 1.0, total)), dtype=np.float32)

    def least(self, values: Floats) -> Floats:
        """Smallest of the values a candidate has; a large number where it has none, which a tree can tell."""
        return np.asarray(np.where(self._mask, values, _NOTHING).min(axis=1, initial=_NOTHING), dtype=np.float32)

    def most_left_out(self, values: Floats) -> Floats:
        """Largest of the values a candidate lacks; 0 where it has all."""
        return np.asarray(np.where(self._mask, np.float32(0), values).max(axis=1, initial=0.0), dtype=np.float32)


@dataclass(frozen=True)
class Drawn:
    """Candidates with their labels and their likeness to each other, (candidates, candidates)."""

    plans: list[Plan]
    steps: Incidence
    edges: Incidence
    similarity: Floats

    @classmethod
    def of(cls, space: PlanSpace, plans: list[Plan]) -> "Drawn":
        """Label the plans and compare them: mean of step F1 and edge F1."""
        steps = Incidence([space.steps_of(plan) for plan in plans])
        edges = Incidence([space.edges_of(plan) for plan in plans])
        return cls(plans, steps, edges, np.asarray((steps.f1() + edges.f1()) / 2, dtype=np.float32))


@dataclass(frozen=True)
class Considered(Drawn):
    """Candidates with the ranker's features, (candidates, features)."""

    features: Floats
    whole: Floats  # the regression's score of each plan as a whole


def consider(
    space: PlanSpace, plans: list[Plan], evidence: Evidence, tally: Tally, own: Plan | None = None
) -> Considered:
    """Build the features. ``tally`` is how often things were seen; ``own`` the example's own plan, in training."""
    drawn = Drawn.of(space, plans)
    columns = [*_history(space, drawn, tally), *_words(space, drawn.steps, evidence), *_order(plans, evidence)]
    columns += (regression := _regression(space, drawn, evidence.scores, own))
    features = np.stack(columns, axis=1).astype(np.float32)
    return Considered(plans, drawn.steps, drawn.edges, drawn.similarity, features, regression[0])


def _history(space: PlanSpace, drawn: Drawn, tally: Tally) -> list[Floats]:
    """How often the plan, its steps and its links were seen, and how often a link follows from its ends."""
    steps, edges = drawn.steps, drawn.edges
    seen = _array([tally.plans[plan] for plan in drawn.plans])
    step_seen = _array([tally.steps[label] for label in steps.labels])
    edge_seen = _array([tally.edges[label] for label in edges.labels])
    tool_seen = dict(zip(steps.labels, step_seen.tolist(), strict=True))
    ends = [space.ends_of(label) for label in edges.labels]
    forward = edge_seen / _array([1 + tool_seen.get(space.step_label(a), 0) for a, _ in ends])
    backward = edge_seen / _array([1 + tool_seen.get(space.step_label(b), 0) for _, b in ends])
    mean_forward = edges.has @ forward / np.maximum(edges.size, 1)
    return [steps.size, edges.size, seen, steps.least(step_seen), edges.least(edge_seen),
            edges.least(forward), mean_forward, edges.least(backward)]  # fmt: skip


def _words(space: PlanSpace, steps: Incidence, evidence: Evidence) -> list[Floats]:
    """How far the words of the catalog speak for the steps."""
    strength = evidence.strength[[space.tool_of(label) for label in steps.labels]]
    return [steps.least(strength), steps.has @ strength / np.maximum(steps.size, 1), steps.most_left_out(strength)]


def _order(plans: list[Plan], evidence: Evidence) -> list[Floats]:
    """How far the request names the steps in the order of the edges: least and mean step forward."""
    place = evidence.place.tolist()
    moves = [[place[tools[j]] - place[tools[i]] for i, j in edges] or [0.0] for tools, edges in plans]
    return [_array([min(move) for move in moves]), _array([sum(move) / len(move) for move in moves])]


def _regression(space: PlanSpace, drawn: Drawn, scores: Floats, own: Plan | None) -> list[Floats]:
    """What the regression says of each plan: as a whole, by its length, by its steps, by its edges."""
    plan_scores, step_scores, edge_scores, length_scores = space.parts(scores)
    whole = _whole(space, drawn.plans, plan_scores, own)
    posterior = np.maximum(whole, 0)
    expected = drawn.similarity @ (posterior / (posterior.sum() + 1e-9))
    length = length_scores[[length_column(len(plan[0])) for plan in drawn.plans]]
    likely = np.maximum(length_scores, 0)
    mean_length = likely @ np.arange(1, len(likely) + 1) / (likely.sum() + 1e-9)
    edge = _gather(edge_scores, space.edge_column, drawn.edges.labels)
    return [
        whole,
        whole - whole.max(),
        np.full(len(whole), whole.max()),
        expected,
        length,
        np.full(len(whole), mean_length),
        *_labels(drawn.steps, _gather(step_scores, space.step_column, drawn.steps.labels), _mass(step_scores)),
        *_labels(drawn.edges, edge, _mass(edge_scores)),
        drawn.edges.least(edge - _reversed(space, drawn.edges, edge)),
    ]


def _labels(incidence: Incidence, score: Floats, expected: float) -> list[Floats]:
    """What the labels of one kind say: their sum, expected F1, the weakest, the log odds, the best one left out."""
    total = incidence.has @ score
    f1 = 2 * total / (incidence.size + expected + 1e-6)
    odds = np.log(score / (1 - score))
    return [total, f1, incidence.least(score), incidence.has @ odds, incidence.most_left_out(score)]


def _whole(space: PlanSpace, plans: list[Plan], scores: Floats, own: Plan | None) -> Floats:
    """Scores of the plans as wholes; 0 for those never seen, so for one that only the example itself has."""
    unknown = own if own is not None and space.count[own] == 1 else None
    columns = [space.plan_column.get(plan) if plan != unknown else None for plan in plans]
    return _array([0.0 if column is None else scores[column] for column in columns])


def _reversed(space: PlanSpace, edges: Incidence, values: Floats) -> Floats:
    """The values of the edges turned round, 0 where no candidate has them."""
    known = dict(zip(edges.labels, values.tolist(), strict=True))
    return _array([known.get(space.edge_label(b, a), 0.0) for a, b in map(space.ends_of, edges.labels)])


def _gather(scores: Floats, column: dict[int, int], labels: list[int]) -> Floats:
    return _array([scores[column[label]] if label in column else 0.0 for label in labels]).clip(0.002, 0.998)


def _mass(scores: Floats) -> float:
    return float(scores[scores > _NEGLIGIBLE].sum())


def _array(values: Sequence[float]) -> Floats:
    return np.asarray(values, dtype=np.float32)
