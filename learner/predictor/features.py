"""What the ranker sees of each candidate plan: evidence for it, for its parts, and for what it leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from learner.predictor.cold import ToolMentions
from learner.predictor.evidence import Evidence
from learner.predictor.labels import Columns, LabelCounts, Plan, PlanSpace, length_column, positions_in
from learner.predictor.vectors import Floats

_NOTHING = np.float32(1e5)
_NEGLIGIBLE = 0.05  # label scores below this do not count as expected mass: hundreds of them would drown the rest


class Incidence:
    """Which label each candidate has, (candidates, labels)."""

    def __init__(self, label_lists: Sequence[list[int]]) -> None:
        sizes = [len(labels) for labels in label_lists]
        flat = np.fromiter(chain.from_iterable(label_lists), dtype=int, count=sum(sizes))
        self.labels: Columns = np.array(sorted(set(flat.tolist())), dtype=int)
        self.has = np.zeros((len(label_lists), len(self.labels)), dtype=np.float32)
        self.has[np.repeat(np.arange(len(sizes)), sizes), np.searchsorted(self.labels, flat)] = 1.0
        self.size = self.has.sum(axis=1)
        self._mask = self.has > 0

    def f1(self) -> Floats:
        """F1 of each candidate against each other one."""
        total = self.size[:, None] + self.size[None, :]
        both_empty = total == 0
        shared = self.has @ self.has.T
        return np.asarray(np.where(both_empty, 1.0, 2 * shared / np.where(both_empty, 1.0, total)), dtype=np.float32)

    def f1_with(self, labels: Sequence[int]) -> Floats:
        """F1 of each candidate against a set of labels."""
        total = self.size + len(labels)
        shared = self.has[:, np.isin(self.labels, labels)].sum(axis=1)
        return np.asarray(np.where(total == 0, 1.0, 2 * shared / np.maximum(total, 1)), dtype=np.float32)

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
    columns: Columns  # of the plans in the space, -1 for those never seen
    steps: Incidence
    edges: Incidence
    similarity: Floats

    @classmethod
    def of(cls, space: PlanSpace, plans: list[Plan]) -> "Drawn":
        """Label the plans and compare them: mean of step F1 and edge F1."""
        columns = space.plan_columns(plans)
        labels = [space.labels_of(plan, column) for plan, column in zip(plans, columns.tolist(), strict=True)]
        steps, edges = Incidence([of_steps for of_steps, _ in labels]), Incidence([of_edges for _, of_edges in labels])
        return cls(plans, columns, steps, edges, np.asarray((steps.f1() + edges.f1()) / 2, dtype=np.float32))

    def nearest_to(self, space: PlanSpace, plan: Plan) -> Floats:
        """1 for the true plan and 0 for others. Where it is not among them, the nearest count by their similarity.

        A ranker of few or noisy plans, which hardly ever recur, would otherwise learn that nothing is ever right.
        """
        alike = (self.steps.f1_with(space.steps_of(plan)) + self.edges.f1_with(space.edges_of(plan))) / 2
        return np.asarray(np.where(alike == alike.max(), alike, 0), dtype=np.float32)


@dataclass(frozen=True)
class Considered(Drawn):
    """Candidates with the ranker's features, (candidates, features)."""

    features: Floats
    whole: Floats  # the regression's score of each plan as a whole
    cold: Floats  # how sure the cold guess is, at its place; 0 for all other plans


def consider(
    space: PlanSpace, plans: list[Plan], evidence: Evidence, tally: LabelCounts, own: Plan | None = None
) -> Considered:
    """Build the features. ``tally`` is how often things were seen; ``own`` the example's own plan, in training."""
    drawn, cold = Drawn.of(space, plans), _cold(plans, evidence.heard)
    columns = [
        *_history(space, drawn, tally),
        *_words(space, drawn.steps, evidence.strength),
        *_words(space, drawn.steps, evidence.heard.most),
        drawn.similarity @ (cold > 0),
        np.full(len(plans), cold.max()),
        *_order(space, drawn.edges, evidence),
    ]
    columns += (regression := _regression(space, drawn, evidence.scores, own))
    features = np.stack(columns, axis=1).astype(np.float32)
    return Considered(plans, drawn.columns, drawn.steps, drawn.edges, drawn.similarity, features, regression[0], cold)


def _history(space: PlanSpace, drawn: Drawn, tally: LabelCounts) -> list[Floats]:
    """How often the plan, its steps and its links were seen, and how often a link follows from its ends."""
    steps, edges = drawn.steps, drawn.edges
    step_seen = tally.steps[space.step_columns(steps.labels)]
    edge_seen = tally.edges[space.edge_columns(edges.labels)]
    parent_seen, child_seen = (
        tally.steps[space.step_columns(space.step_label(tools))] for tools in space.ends_of(edges.labels)
    )
    forward = edge_seen / (1 + parent_seen)
    mean_forward = edges.has @ forward / np.maximum(edges.size, 1)
    return [steps.size, edges.size, tally.plans[drawn.columns], steps.least(step_seen), edges.least(edge_seen),
            edges.least(forward), mean_forward, edges.least(edge_seen / (1 + child_seen))]  # fmt: skip


def _words(space: PlanSpace, steps: Incidence, strength: Floats) -> list[Floats]:
    """How far the words of the catalog speak for the steps; ``strength`` is per tool."""
    of_step = strength[space.tool_of(steps.labels)]
    return [steps.least(of_step), steps.has @ of_step / np.maximum(steps.size, 1), steps.most_left_out(of_step)]


def _cold(plans: list[Plan], heard: ToolMentions) -> Floats:
    """How sure the cold guess is, at its place; 0 for all other plans."""
    out = np.zeros(len(plans), dtype=np.float32)
    if heard.plan is not None:
        out[plans.index(heard.plan)] = sum(heard.sure) / len(heard.sure)
    return out


def _order(space: PlanSpace, edges: Incidence, evidence: Evidence) -> list[Floats]:
    """How far the request names the steps in the order of the edges: least and mean step forward."""
    parents, children = space.ends_of(edges.labels)
    move = evidence.place[children] - evidence.place[parents]
    least = np.where(edges.size > 0, edges.least(move), np.float32(0))
    return [least, edges.has @ move / np.maximum(edges.size, 1)]


def _regression(space: PlanSpace, drawn: Drawn, scores: Floats, own: Plan | None) -> list[Floats]:
    """What the regression says of each plan: as a whole, by its length, by its steps, by its edges."""
    plan_scores, step_scores, edge_scores, length_scores = space.parts(scores)
    whole = _whole(space, drawn.columns, plan_scores, own)
    posterior = np.maximum(whole, 0)
    expected = drawn.similarity @ (posterior / (posterior.sum() + 1e-9))
    length = length_scores[[length_column(len(plan[0])) for plan in drawn.plans]]
    likely = np.maximum(length_scores, 0)
    mean_length = likely @ np.arange(1, len(likely) + 1) / (likely.sum() + 1e-9)
    step = _gather(step_scores, space.step_columns(drawn.steps.labels))
    edge = _gather(edge_scores, space.edge_columns(drawn.edges.labels))
    return [
        whole,
        whole - whole.max(),
        np.full(len(whole), whole.max()),
        expected,
        length,
        np.full(len(whole), mean_length),
        *_labels(drawn.steps, step, _mass(step_scores)),
        *_labels(drawn.edges, edge, _mass(edge_scores)),
        drawn.edges.least(edge - _reversed(space, drawn.edges, edge)),
    ]


def _labels(incidence: Incidence, score: Floats, expected: float) -> list[Floats]:
    """What the labels of one kind say: their sum, expected F1, the weakest, the log odds, the best one left out."""
    total = incidence.has @ score
    f1 = 2 * total / (incidence.size + expected + 1e-6)
    odds = np.log(score / (1 - score))
    return [total, f1, incidence.least(score), incidence.has @ odds, incidence.most_left_out(score)]


def _whole(space: PlanSpace, columns: Columns, scores: Floats, own: Plan | None) -> Floats:
    """Scores of the plans as wholes; 0 for those never seen, so for one that only the example itself has."""
    known = np.append(scores, np.float32(0))
    if own is not None and space.count[own] == 1:
        known[space.plan_column[own]] = 0
    return known[columns]


def _reversed(space: PlanSpace, edges: Incidence, values: Floats) -> Floats:
    """The values of the edges turned round, 0 where no candidate has them."""
    return np.append(values, np.float32(0))[positions_in(edges.labels, space.turned(edges.labels))]


def _gather(scores: Floats, columns: Columns) -> Floats:
    return np.append(scores, np.float32(0))[columns].clip(0.002, 0.998)


def _mass(scores: Floats) -> float:
    return float(scores[scores > _NEGLIGIBLE].sum())
