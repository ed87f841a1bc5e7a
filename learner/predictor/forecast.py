"""What is expected of one request: its candidate plans with a probability each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learner.predictor.arrays import Floats
from learner.predictor.candidates import candidates, continuations
from learner.predictor.catalog_text import CatalogText
from learner.predictor.cold_guess import ColdGuess, Evidence
from learner.predictor.experts import BY_SIMILARITY, expert_probabilities
from learner.predictor.features import CandidateFeatures, candidate_features
from learner.predictor.fitted import FittedModels
from learner.predictor.history import Recollection
from learner.predictor.numbered_plan import NumberedPlan
from learner.predictor.plan_space import LabelCounts, PlanSpace

_STRANGE = 3.0  # power with which probabilities fall with the familiarity of a request


@dataclass(frozen=True)
class Judgement:
    """The evidence of one request, and how often labels occurred in the plans of others.

    ``hidden``: plans that only the request itself got. They are candidates only where they are recalled. ``request``:
    which of those learned from it is; None for a new one.
    """

    evidence: Evidence
    counts: LabelCounts
    recalled: Recollection
    hidden: frozenset[NumberedPlan] = frozenset()
    request: int | None = None


@dataclass(frozen=True)
class Forecast:
    """Candidates with their probabilities.

    ``familiarity``: how far the request is like those learned from, 0..1. ``known``: the share of the probabilities
    that remains in view of that; the rest is that the plan is like nothing known.
    """

    judgement: Judgement
    considered: CandidateFeatures
    probability: Floats
    familiarity: float
    known: float


def forecast(fitted: FittedModels, text: CatalogText, cold: ColdGuess, request: str, kind: str) -> Forecast:
    """The candidates for a request.

    A request that came before is judged by the others, as in training. Its own plans are recalled beside that.
    """
    space, history = fitted.space, fitted.history
    similarity = fitted.kernel.row(request)
    row = history.row_of(request)
    recalled = history.recollection(row, kind, similarity[: len(history.keys)])
    hidden, counts = frozenset[NumberedPlan](), space.counts
    if row is None:
        scores = fitted.ridge.scores(similarity)
    else:
        own = history.by_row[row]
        scores = fitted.ridge.second.left_out(row, space.targets(own).mean(axis=0))
        hidden, counts = history.only_in(row), counts.minus(space.count(own))
    aligned = fitted.alignment.of(request, row) if fitted.alignment is not None else None
    evidence = Evidence(scores, *text.mentions(request), cold.of(request), aligned, text)
    judgement = Judgement(evidence, counts, recalled, hidden, row)
    plans = candidates(space, judgement.evidence, recalled, hidden)
    considered = candidate_features(space, plans, judgement.evidence, counts, hidden)
    familiarity = 1.0 if row is not None else min(1.0, recalled.similarity / max(fitted.familiar, 1e-6)) ** _STRANGE
    return _forecast(fitted, judgement, considered, familiarity)


def continued(fitted: FittedModels, expected: Forecast, prefix: NumberedPlan) -> Forecast:
    """The forecast given that the plan begins with the prefix. Costs no new look at the request."""
    of = expected.judgement
    others = [expected.considered.plans[at] for at in np.argsort(-expected.probability, kind="stable").tolist()]
    considered = continuation_features(fitted.space, of, prefix, others)
    return _forecast(fitted, of, considered, expected.familiarity)


def continuation_features(
    space: PlanSpace, of: Judgement, prefix: NumberedPlan, others: Sequence[NumberedPlan]
) -> CandidateFeatures:
    """The candidates that begin with a prefix; ``others``: the likeliest plans without it."""
    plans = continuations(space, of.evidence, prefix, others, of.hidden)
    return candidate_features(space, plans, of.evidence, of.counts, of.hidden)


def _forecast(
    fitted: FittedModels, judgement: Judgement, considered: CandidateFeatures, familiarity: float
) -> Forecast:
    """Mix what the experts say. What is judged by similar requests counts less where there are none."""
    recalled, repeats = judgement.recalled, len(judgement.recalled.repeats)
    ranked = fitted.ranker.probabilities(considered, judgement.request)
    experts = expert_probabilities(considered.plans, ranked, considered.cold, recalled)
    unscaled = fitted.weights.mix(experts, repeats)
    experts[BY_SIMILARITY] *= familiarity
    mixed = fitted.weights.mix(experts, repeats)
    known = float(mixed.sum()) / max(float(unscaled.sum()), 1e-9)
    return Forecast(judgement, considered, mixed, familiarity, min(1.0, known))
