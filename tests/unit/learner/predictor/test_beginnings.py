"""Rankers and calibrations learn from past plans whose first steps are taken as known."""

import lightgbm as lgb
import numpy as np
import pytest

from learner.predictor import ToolText
from learner.predictor.alignment import WordAlignment
from learner.predictor.beginnings import Beginning, beginnings
from learner.predictor.catalog_text import CatalogText
from learner.predictor.cold_guess import CatalogGuess, Evidence
from learner.predictor.cross_ranker import FOLDS, fit_ranker
from learner.predictor.features import CandidateFeatures, candidate_features
from learner.predictor.forecast import Judgement
from learner.predictor.history import Recollection
from learner.predictor.numbered_plan import NumberedPlan, begins_with, chain, first_steps
from learner.predictor.plan_space import PlanSpace
from learner.predictor.ranker import JudgedCandidates, ListRanker

PLANS = [chain(tools) for tools in ((0, 1, 2), (0, 2), (1,), (1, 2), (2, 0, 1))] * 8
CATALOG = [ToolText(name, name) for name in ("fetch", "parse", "rank")]
SPACE = PlanSpace([tool.name for tool in CATALOG], PLANS)


def judged(own: NumberedPlan) -> Judgement:
    """The regressions expect any plan alike, and the request's own plan is not known from others."""
    nothing = np.zeros(3, dtype=np.float32)
    scores = np.full(SPACE.columns, 0.3, dtype=np.float32)
    words = WordAlignment.fit([], [], ["", "", ""], 3).of("")
    evidence = Evidence(scores, nothing, nothing, CatalogGuess(None, (), nothing), words, CatalogText(CATALOG))
    return Judgement(evidence, SPACE.counts, Recollection(), frozenset({own}))


def considered(judgement: Judgement) -> CandidateFeatures:
    return candidate_features(SPACE, SPACE.plans, judgement.evidence, judgement.counts, judgement.hidden)


@pytest.fixture(scope="module")
def found() -> list[Beginning]:
    judgements = [judged(plan) for plan in PLANS]
    return list(beginnings(SPACE, judgements, [considered(one) for one in judgements], PLANS, seed=0))


def test_every_candidate_begins_as_the_true_plan_does(found):
    for one in found:
        prefix = first_steps(one.plan, one.known_steps)
        assert one.considered.plans
        assert all(begins_with(plan, prefix) == plan for plan in one.considered.plans)


def test_no_more_steps_are_known_than_a_plan_has(found):
    known = [(one.request, one.known_steps) for one in found]

    assert sorted(known) == [
        (request, steps) for request, plan in enumerate(PLANS) for steps in (1, 2) if steps <= len(plan[0])
    ]


def test_the_ranker_that_has_not_seen_a_request_has_seen_none_of_its_beginnings(found, monkeypatch):
    seen: list[set[int]] = []
    empty = lgb.Booster(train_set=lgb.Dataset(np.zeros((2, 1)), np.zeros(2)), params={"verbose": -1})

    def recorded(lists: list[JudgedCandidates], *_: int) -> ListRanker:
        seen.append({one.request for one in lists})
        return ListRanker([empty])

    monkeypatch.setattr(ListRanker, "fit", recorded)
    fitted = fit_ranker(
        [JudgedCandidates(one.request, one.considered, one.considered.nearest_to(SPACE, one.plan)) for one in found],
        seed=0,
    )

    assert [set(range(len(PLANS))) - of_fold for of_fold in seen[:FOLDS]] == [
        set(np.flatnonzero(fitted.fold == number).tolist()) for number in range(FOLDS)
    ]
    assert seen[FOLDS] == set(range(len(PLANS)))
