"""What the ranker sees of each candidate plan: evidence for it, for its parts, and for what it leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learner.predictor.labels import Plan, PlanSpace, length_column
from learner.predictor.vectors import Floats

_NEGLIGIBLE = 0.05  # label scores below this do not count as expected mass: hundreds of them would drown the rest


@dataclass(frozen=True)
class Evidence:
    """Everything known on one request: a row of scores per regression, and the catalog's words per tool."""

    scores: tuple[Floats, ...]
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
        return np.where(self._mask, values, np.float32(1e6)).min(axis=1, initial=1e6).clip(max=1e5)

    def most_left_out(self, values: Floats) -> Floats:
        """Largest of the values a candidate lacks; 0 where it has all."""
        return np.asarray(np.where(self._mask, np.float32(0), values).max(axis=1, initial=0.0), dtype=np.float32)


@dataclass(frozen=True)
class Considered:
    """Candidates with their labels, likeness to each other, and features (candidates, features)."""

    plans: list[Plan]
    steps: Incidence
    edges: Incidence
    similarity: Floats
    features: Floats
    whole: Floats  # the first regression's score of each plan as a whole


def consider(space: PlanSpace, plans: list[Plan], evidence: Evidence, own: Plan | None = None) -> Considered:
    """Build the features. ``own`` (in training) is left out of every count, as it will be for a new request."""
    steps = Incidence([space.steps_of(plan) for plan in plans])
    edges = Incidence([space.edges_of(plan) for plan in plans])
    similarity = (steps.f1() + edges.f1()) / 2
    columns = [*_history(space, plans, steps, edges, own), *_words(steps, evidence), *_order(plans, evidence)]
    regressions = [_regression(space, plans, steps, edges, similarity, s, own) for s in evidence.scores]
    columns += [column for regression in regressions for column in regression]
    features = np.stack(columns, axis=1).astype(np.float32)
    return Considered(plans, steps, edges, similarity, features, regressions[0][0])


def _history(space: PlanSpace, plans: list[Plan], steps: Incidence, edges: Incidence, own: Plan | None) -> list[Floats]:
    """How often the plan, its steps and its links were seen, and how often a link follows from its ends."""
    own_steps = set(space.steps_of(own)) if own else set()
    own_edges = set(space.edges_of(own)) if own else set()
    seen = np.array([space.count[plan] - (plan == own) for plan in plans], dtype=np.float32)
    step_seen = _array([space.step_count[x] - (x in own_steps) for x in steps.labels])
    edge_seen = _array([space.edge_count[x] - (x in own_edges) for x in edges.labels])
    tool_seen = dict(zip(steps.labels, step_seen.tolist(), strict=True))
    ends = [space.ends_of(label) for label in edges.labels]
    forward = edge_seen / _array([1 + tool_seen.get(space.step_label(a), 0) for a, _ in ends])
    backward = edge_seen / _array([1 + tool_seen.get(space.step_label(b), 0) for _, b in ends])
    mean_forward = edges.has @ forward / np.maximum(edges.size, 1)
    return [steps.size, edges.size, seen, steps.least(step_seen), edges.least(edge_seen),
            edges.least(forward), mean_forward, edges.least(backward)]  # fmt: skip


def _words(steps: Incidence, evidence: Evidence) -> list[Floats]:
    """How far the words of the catalog speak for the steps."""
    strength = evidence.strength[[label // 8 for label in steps.labels]]
    return [steps.least(strength), steps.has @ strength / np.maximum(steps.size, 1), steps.most_left_out(strength)]


def _order(plans: list[Plan], evidence: Evidence) -> list[Floats]:
    """How far the request names the steps in the order of the edges: least and mean step forward."""
    moves = [[evidence.place[tools[j]] - evidence.place[tools[i]] for i, j in edges] or [0.0] for tools, edges in plans]
    return [_array([min(move) for move in moves]), _array([sum(move) / len(move) for move in moves])]


def _regression(
    space: PlanSpace, plans: list[Plan], steps: Incidence, edges: Incidence, similarity: Floats, scores: Floats,
    own: Plan | None,
) -> list[Floats]:  # fmt: skip
    """What one regression says of each plan: as a whole, by its steps, by its edges, by its length."""
    plan_scores, step_scores, edge_scores, length_scores = space.parts(scores)
    unknown = own if own is not None and space.count[own] == 1 else None
    whole = _array([plan_scores[space.plan_column[p]] if p in space.plan_column and p != unknown else 0 for p in plans])
    posterior = np.maximum(whole, 0)
    expected = similarity @ (posterior / (posterior.sum() + 1e-9))
    step = _gather(step_scores, space.step_column, steps.labels)
    edge = _gather(edge_scores, space.edge_column, edges.labels)
    expected_steps, expected_edges = _mass(step_scores), _mass(edge_scores)
    step_sum, edge_sum = steps.has @ step, edges.has @ edge
    length = length_scores[[length_column(len(plan[0])) for plan in plans]]
    likely = np.maximum(length_scores, 0)
    mean_length = likely @ np.arange(1, len(likely) + 1) / (likely.sum() + 1e-9)
    return [
        whole, whole - whole.max(), expected, step_sum, edge_sum,
        2 * step_sum / (steps.size + expected_steps + 1e-6), 2 * edge_sum / (edges.size + expected_edges + 1e-6),
        steps.least(step), edges.least(edge), steps.has @ _logit(step), edges.has @ _logit(edge),
        edges.least(edge - _reversed(space, edges, edge)), steps.most_left_out(step), edges.most_left_out(edge),
        length, np.full(len(plans), mean_length), np.full(len(plans), whole.max()),
    ]  # fmt: skip


def _reversed(space: PlanSpace, edges: Incidence, values: Floats) -> Floats:
    """The values of the edges turned round, 0 where no candidate has them."""
    known = dict(zip(edges.labels, values.tolist(), strict=True))
    return _array([known.get(space.edge_label(b, a), 0.0) for a, b in map(space.ends_of, edges.labels)])


def _gather(scores: Floats, column: dict[int, int], labels: list[int]) -> Floats:
    return _array([scores[column[label]] if label in column else 0.0 for label in labels]).clip(0.002, 0.998)


def _mass(scores: Floats) -> float:
    return float(scores[scores > _NEGLIGIBLE].sum())


def _logit(probability: Floats) -> Floats:
    return np.asarray(np.log(probability / (1 - probability)), dtype=np.float32)


def _array(values: Sequence[float]) -> Floats:
    return np.asarray(values, dtype=np.float32)
