"""The ranker's features of each candidate plan: evidence for it, for its parts, and for what it leaves out."""

from dataclasses import dataclass

import numpy as np

from learner.predictor.alignment_features import alignment_features
from learner.predictor.arrays import Columns, Floats
from learner.predictor.catalog_text import CatalogText
from learner.predictor.cold_guess import CatalogGuess, Evidence
from learner.predictor.incidence import Incidence
from learner.predictor.numbered_plan import NumberedPlan
from learner.predictor.plan_space import LabelCounts, PlanSpace, length_column, positions_in

_NEGLIGIBLE = 0.05  # label scores below this are not expected mass: there are hundreds of them


@dataclass(frozen=True)
class LabelledCandidates:
    """Candidates with their labels and their similarity to each other, (candidates, candidates)."""

    plans: list[NumberedPlan]
    columns: Columns  # of the plans in the space, -1 for those outside the history
    steps: Incidence
    edges: Incidence
    similarity: Floats

    @classmethod
    def of(cls, space: PlanSpace, plans: list[NumberedPlan]) -> "LabelledCandidates":
        """Label the plans and compare them: mean of step F1 and edge F1."""
        columns = space.plan_columns(plans)
        labels = [space.labels_of(plan, column) for plan, column in zip(plans, columns.tolist(), strict=True)]
        steps, edges = Incidence([of_steps for of_steps, _ in labels]), Incidence([of_edges for _, of_edges in labels])
        return cls(plans, columns, steps, edges, np.asarray((steps.f1() + edges.f1()) / 2, dtype=np.float32))

    def similarity_to(self, space: PlanSpace, plan: NumberedPlan) -> Floats:
        """Similarity of each candidate to a plan, which need not be one of them."""
        labels = space.labels
        both = self.steps.f1_with(labels.steps_of(plan)) + self.edges.f1_with(labels.edges_of(plan))
        return np.asarray(both / 2, dtype=np.float32)

    def nearest_to(self, space: PlanSpace, plan: NumberedPlan) -> Floats:
        """1 for the true plan and 0 for others. If it is not a candidate, the nearest ones count by their similarity.

        A ranker of few or noisy plans, which hardly ever recur, would otherwise learn that no candidate is ever right.
        """
        similarity = self.similarity_to(space, plan)
        return np.asarray(np.where(similarity == similarity.max(), similarity, 0), dtype=np.float32)


@dataclass(frozen=True)
class CandidateFeatures(LabelledCandidates):
    """Candidates with the ranker's features, (candidates, features)."""

    features: Floats
    whole: Floats  # the regression's score of each plan as a whole
    cold: Floats  # confidence of the cold guess, at its position; 0 for all other plans


def candidate_features(
    space: PlanSpace,
    plans: list[NumberedPlan],
    evidence: Evidence,
    counts: LabelCounts,
    hidden: frozenset[NumberedPlan] = frozenset(),
) -> CandidateFeatures:
    """Build the features. ``counts``: how often labels occurred; ``hidden``: plans that only the request itself got."""
    labelled, cold = LabelledCandidates.of(space, plans), _cold_confidence(plans, evidence.cold)
    columns = [
        *_history(space, labelled, counts),
        *_words(space, labelled.steps, evidence.strength),
        *_words(space, labelled.steps, evidence.cold.strongest),
        labelled.similarity @ (cold > 0),
        np.full(len(plans), cold.max()),
        *_order(space, labelled.edges, evidence),
    ]
    columns += (regression := _regression(space, labelled, evidence.scores, hidden))
    if evidence.aligned is not None:
        columns += alignment_features(space, labelled.steps, labelled.edges, evidence.aligned)
    # Last, so that rankers of earlier releases find theirs where they were.
    columns += _joined(space, labelled.edges, evidence.text)
    features = np.stack(columns, axis=1).astype(np.float32)
    return CandidateFeatures(
        plans, labelled.columns, labelled.steps, labelled.edges, labelled.similarity, features, regression[0], cold
    )


def _history(space: PlanSpace, labelled: LabelledCandidates, counts: LabelCounts) -> list[Floats]:
    """How often the plan, its steps and its links occurred, and how often a link followed from its ends."""
    steps, edges = labelled.steps, labelled.edges
    step_seen = counts.steps[space.step_columns(steps.labels)]
    edge_seen = counts.edges[space.edge_columns(edges.labels)]
    parent_seen, child_seen = (
        counts.steps[space.step_columns(space.labels.step_label(tools))] for tools in space.labels.ends_of(edges.labels)
    )
    forward = edge_seen / (1 + parent_seen)
    mean_forward = edges.has @ forward / np.maximum(edges.size, 1)
    return [steps.size, edges.size, counts.plans[labelled.columns], steps.least(step_seen), edges.least(edge_seen),
            edges.least(forward), mean_forward, edges.least(edge_seen / (1 + child_seen))]  # fmt: skip


def _words(space: PlanSpace, steps: Incidence, strength: Floats) -> list[Floats]:
    """How strongly the words of the catalog support the steps; ``strength`` is per tool."""
    of_step = strength[space.labels.tool_of(steps.labels)]
    return [steps.least(of_step), steps.has @ of_step / np.maximum(steps.size, 1), steps.most_left_out(of_step)]


def _cold_confidence(plans: list[NumberedPlan], cold: CatalogGuess) -> Floats:
    """Confidence of the cold guess, at its position; 0 for all other plans."""
    out = np.zeros(len(plans), dtype=np.float32)
    if cold.plan is not None and cold.plan in plans:
        out[plans.index(cold.plan)] = sum(cold.confidence) / len(cold.confidence)
    return out


def _order(space: PlanSpace, edges: Incidence, evidence: Evidence) -> list[Floats]:
    """Whether the request mentions the steps in the order of the edges: least and mean distance forward."""
    parents, children = space.labels.ends_of(edges.labels)
    move = evidence.position[children] - evidence.position[parents]
    least = np.where(edges.size > 0, edges.least(move), np.float32(0))
    return [least, edges.has @ move / np.maximum(edges.size, 1)]


def _joined(space: PlanSpace, edges: Incidence, text: CatalogText) -> list[Floats]:
    """Whether the schemas of the catalog join the ends of the edges: the share, and how many they do not join."""
    joins = text.joins(*space.labels.ends_of(edges.labels))
    apart = edges.has @ (1 - joins)
    return [1 - apart / np.maximum(edges.size, 1), apart]


def _regression(
    space: PlanSpace, labelled: LabelledCandidates, scores: Floats, hidden: frozenset[NumberedPlan]
) -> list[Floats]:
    """The regression's scores of each plan: as a whole, by its length, by its steps, by its edges."""
    plan_scores, step_scores, edge_scores, length_scores = space.parts(scores)
    whole = _whole(space, labelled.columns, plan_scores, hidden)
    posterior = np.maximum(whole, 0)
    expected = labelled.similarity @ (posterior / (posterior.sum() + 1e-9))
    length = length_scores[[length_column(len(plan[0])) for plan in labelled.plans]]
    likely = np.maximum(length_scores, 0)
    mean_length = likely @ np.arange(1, len(likely) + 1) / (likely.sum() + 1e-9)
    step = _gather(step_scores, space.step_columns(labelled.steps.labels))
    edge = _gather(edge_scores, space.edge_columns(labelled.edges.labels))
    return [
        whole,
        whole - whole.max(),
        np.full(len(whole), whole.max()),
        expected,
        length,
        np.full(len(whole), mean_length),
        *_labels(labelled.steps, step, _mass(step_scores)),
        *_labels(labelled.edges, edge, _mass(edge_scores)),
        labelled.edges.least(edge - _reversed(space, labelled.edges, edge)),
    ]


def _labels(incidence: Incidence, score: Floats, expected: float) -> list[Floats]:
    """Features of the labels of one kind: their sum, expected F1, the weakest, the log odds, the best one left out."""
    total = incidence.has @ score
    f1 = 2 * total / (incidence.size + expected + 1e-6)
    odds = np.log(score / (1 - score))
    return [total, f1, incidence.least(score), incidence.has @ odds, incidence.most_left_out(score)]


def _whole(space: PlanSpace, columns: Columns, scores: Floats, hidden: frozenset[NumberedPlan]) -> Floats:
    """Scores of the plans as wholes; 0 for those outside the history, and for the hidden ones."""
    known = np.append(scores, np.float32(0))
    if hidden:
        known[space.plan_columns(list(hidden))] = 0
    return known[columns]


def _reversed(space: PlanSpace, edges: Incidence, values: Floats) -> Floats:
    """The values of the edges in the opposite direction, 0 where no candidate has them."""
    return np.append(values, np.float32(0))[positions_in(edges.labels, space.labels.reversed_edges(edges.labels))]


def _gather(scores: Floats, columns: Columns) -> Floats:
    return np.append(scores, np.float32(0))[columns].clip(0.002, 0.998)


def _mass(scores: Floats) -> float:
    return float(scores[scores > _NEGLIGIBLE].sum())
