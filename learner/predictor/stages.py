"""The stages of training after the regressions: rankers, weights of the experts, calibrations.

They see what the regressions say of requests they have not seen, and each plan of a request as it came: the first as
that of a new request, the others after those before them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from learner.predictor.arrays import Floats
from learner.predictor.beginnings import Beginning, beginnings
from learner.predictor.calibration import IsotonicCalibration
from learner.predictor.candidates import candidates
from learner.predictor.cross_ranker import CrossRanker, fit_ranker
from learner.predictor.decision import PlanChoice, choose
from learner.predictor.experts import expert_probabilities
from learner.predictor.features import CandidateFeatures, candidate_features
from learner.predictor.fitted import Calibrations
from learner.predictor.forecast import Judgement
from learner.predictor.history import Recollection, RequestHistory
from learner.predictor.leader import Trial, led
from learner.predictor.mixture import ExpertWeights, Observation
from learner.predictor.numbered_plan import NumberedPlan, work_ids
from learner.predictor.plan_space import PlanSpace
from learner.predictor.ranker import JudgedCandidates

_NEWEST = 16  # repeats of a request that are learned from
# Likelihood of a plan like the true one, as a power of their similarity: mostly the true plan itself counts.
_SHARPNESS = 3.0
_MOST_CALIBRATED = 800  # beginnings of plans that continuations are calibrated on


@dataclass(frozen=True)
class _Draw:
    """One plan of a request, with what the experts knew before it came.

    ``to_plan``: similarity of the candidates to it, (candidates,).
    """

    considered: CandidateFeatures
    experts: Floats
    repeats: int
    plan: NumberedPlan
    to_plan: Floats
    known_steps: int = 0


class Stages:
    """Trained stages of one history."""

    def __init__(self, space: PlanSpace, history: RequestHistory, judgements: Sequence[Judgement], seed: int) -> None:
        """Train.

        Args:
            space: of the plans.
            history: the plans by request.
            judgements: of each request, by all others.
            seed: of the folds and of the trees.
        """
        self._space, self._history, self._judgements = space, history, judgements
        considered = [self._considered(one, replace(one.recalled, repeats=())) for one in judgements]
        begun = list(beginnings(space, judgements, considered, [plans[0] for plans in history.by_row], seed))
        fitted = fit_ranker([*self._judged(considered), *map(self._judged_begun, begun)], seed)
        draws = [draw for row, new in enumerate(considered) for draw in self._draws_of(row, new, fitted)]
        self.ranker = fitted
        self.weights = led(ExpertWeights.fit(map(_observation, draws)), map(_trial, draws))
        repeated = [draw for draw in draws if draw.repeats]
        self.calibrations = self._calibrated(draw for draw in draws if not draw.repeats)
        # Before any request has come again, it is unknown how right guesses at such a request are.
        unknown = Calibrations(*(calibration.halved() for calibration in self.calibrations))
        self.repeated = self._calibrated(repeated) if repeated else unknown
        self.continued = self._calibrated(self._continuation(one, fitted) for one in begun[:_MOST_CALIBRATED])

    def _considered(self, judgement: Judgement, recalled: Recollection) -> CandidateFeatures:
        plans = candidates(self._space, judgement.evidence, recalled, judgement.hidden)
        return candidate_features(self._space, plans, judgement.evidence, judgement.counts, judgement.hidden)

    def _judged(self, considered: Sequence[CandidateFeatures]) -> Iterator[JudgedCandidates]:
        """The truth is the mean over the plans of a request."""
        for request, (one, plans) in enumerate(zip(considered, self._history.by_row, strict=True)):
            nearest = {plan: one.nearest_to(self._space, plan) for plan in set(plans)}
            truth = np.mean([nearest[plan] for plan in plans], axis=0)
            yield JudgedCandidates(request, one, np.asarray(truth, dtype=np.float32))

    def _judged_begun(self, begun: Beginning) -> JudgedCandidates:
        return JudgedCandidates(begun.request, begun.considered, begun.considered.nearest_to(self._space, begun.plan))

    def _draws_of(self, row: int, new: CandidateFeatures, fitted: CrossRanker) -> Iterator[_Draw]:
        judgement, plans = self._judgements[row], self._history.by_row[row]
        known = new if len(plans) == 1 else self._considered(judgement, judgement.recalled)
        ranked_new = ranked = fitted.probabilities(new, row)
        if known is not new:
            ranked = fitted.probabilities(known, row)
        for repeats in dict.fromkeys((0, *range(max(0, len(plans) - _NEWEST), len(plans)))):
            considered, p = (known, ranked) if repeats else (new, ranked_new)
            recalled = replace(judgement.recalled, repeats=plans[:repeats])
            experts, to_plan = (
                self._experts(considered, p, recalled),
                considered.similarity_to(self._space, plans[repeats]),
            )
            yield _Draw(considered, experts, repeats, plans[repeats], to_plan)

    def _experts(self, considered: CandidateFeatures, ranked: Floats, recalled: Recollection) -> Floats:
        return expert_probabilities(considered.plans, ranked, considered.cold, recalled)

    def _continuation(self, begun: Beginning, fitted: CrossRanker) -> _Draw:
        considered, recalled = begun.considered, replace(self._judgements[begun.request].recalled, repeats=())
        experts = self._experts(considered, fitted.probabilities(considered, begun.request), recalled)
        to_plan = considered.similarity_to(self._space, begun.plan)
        return _Draw(considered, experts, 0, begun.plan, to_plan, begun.known_steps)

    def _calibrated(self, draws: Iterable[_Draw]) -> Calibrations:
        """From the choices that would have been made."""
        pairs: list[list[tuple[float, bool]]] = [[], [], [], []]
        for draw in draws:
            probability = self.weights.mix(draw.experts, draw.repeats)
            choice = choose(self._space, draw.considered, probability)[0]
            for of_kind, found in zip(pairs, self._hits(choice, draw), strict=True):
                of_kind.extend(found)
        return Calibrations(*map(_calibration, pairs))

    def _hits(self, choice: PlanChoice, draw: _Draw) -> Iterator[Iterable[tuple[float, bool]]]:
        """Probability and truth of the whole plan, of its steps, edges and works; without what was known."""
        labels, plan, known = self._space.labels, draw.plan, draw.known_steps
        true_steps, true_edges = set(labels.steps_of(plan)), set(labels.edges_of(plan))
        true_works = set(work_ids(plan))
        steps, edges = labels.steps_of(choice.plan), labels.edges_of(choice.plan)
        yield [(choice.whole, set(steps) == true_steps and set(edges) == true_edges)]
        yield [(float(p), one in true_steps) for p, one in list(zip(choice.steps, steps, strict=True))[known:]]
        yield [
            (float(p), one in true_edges)
            for p, one, (_, child) in zip(choice.edges, edges, choice.plan[1], strict=True)
            if child >= known
        ]
        yield [
            (float(p), one in true_works)
            for p, one in list(zip(choice.works, work_ids(choice.plan), strict=True))[known:]
        ]


def _observation(draw: _Draw) -> Observation:
    return Observation(draw.experts @ draw.to_plan**_SHARPNESS, draw.repeats)


def _trial(draw: _Draw) -> Trial:
    return Trial(draw.experts, draw.considered.similarity, draw.to_plan, draw.repeats)


def _calibration(pairs: list[tuple[float, bool]]) -> IsotonicCalibration:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return IsotonicCalibration.fit(table[:, 0], table[:, 1])
