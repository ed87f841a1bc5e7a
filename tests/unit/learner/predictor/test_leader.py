"""Which expert leads: the one whose guesses were the most similar so far, if that is more than chance."""

import numpy as np

from learner.predictor.experts import EXPERTS
from learner.predictor.leader import Trial, led
from learner.predictor.mixture import ExpertWeights

BETWEEN = np.eye(2, dtype=np.float32)
CATALOG, REPEATS = EXPERTS.index("catalog"), EXPERTS.index("repeats")


def trial(says: dict[str, int], true: int, repeats: int = 0) -> Trial:
    """Of two plans that share nothing, each expert named is sure of one."""
    experts = np.zeros((len(EXPERTS), 2), dtype=np.float32)
    for name, plan in says.items():
        experts[EXPERTS.index(name), plan] = 1
    return Trial(experts, BETWEEN, BETWEEN[true], repeats)


def test_the_catalog_leads_where_its_guesses_are_better():
    weights = led(ExpertWeights.prior(), [trial({"ranker": 0, "catalog": 1}, true=1)] * 40)

    assert weights.rows[0].argmax() == CATALOG
    assert np.allclose(weights.rows.sum(axis=1), 1)
    assert np.array_equal(weights.rows[1:5], ExpertWeights.prior().rows[1:5])


def test_the_fitted_weights_stay_where_no_expert_does_better():
    trials = [trial({"ranker": 0, "catalog": 1, "repeats": 1}, true=0, repeats=1)] * 40

    assert np.array_equal(led(ExpertWeights.prior(), trials).rows[1:5], ExpertWeights.prior().rows[1:5])


def test_few_trials_change_nothing():
    trials = [trial({"ranker": 0, "repeats": 1}, true=1, repeats=1)] * 5

    assert np.allclose(led(ExpertWeights.prior(), trials).rows, ExpertWeights.prior().rows)


def test_the_catalog_loses_the_lead_only_to_weights_that_are_better_by_more_than_chance():
    fitted = ExpertWeights(np.tile([0.8, 0.2, 0, 0, 0, 0], (6, 1)))
    lost, won = trial({"ranker": 0, "catalog": 1}, true=0), trial({"ranker": 0, "catalog": 1}, true=1)

    assert led(fitted, [lost] * 26 + [won] * 24).rows[0].argmax() == CATALOG
    assert led(fitted, [lost] * 35 + [won] * 15).rows[0].argmax() == 0


def test_the_plans_of_a_request_that_came_often_lead_alone_unless_others_are_better():
    fitted = ExpertWeights(np.tile([0.6, 0, 0.4, 0, 0, 0], (6, 1)))
    equal = [trial({"ranker": 0, "repeats": 1}, true=true, repeats=16) for true in (0, 1) * 20]

    assert led(fitted, equal).rows[5, REPEATS] == 1
    assert led(fitted, [trial({"ranker": 0, "repeats": 1}, true=0, repeats=16)] * 40).rows[5].argmax() == 0


def test_the_plans_of_a_request_lead_only_if_they_are_better_by_more_than_chance():
    fitted = ExpertWeights(np.tile([0.6, 0, 0.4, 0, 0, 0], (6, 1)))
    right = trial({"ranker": 0, "repeats": 1}, true=1, repeats=1)
    wrong = trial({"ranker": 0, "repeats": 1}, true=0, repeats=1)

    assert led(fitted, [right] * 26 + [wrong] * 24).rows[1].argmax() == 0
    assert led(fitted, [right] * 35 + [wrong] * 15).rows[1].argmax() == REPEATS


def test_the_catalog_keeps_weight_for_new_requests():
    """The plans learned from may be by another planner than those to come."""
    fitted = ExpertWeights(np.tile([0.9, 0.02, 0.08, 0, 0, 0], (6, 1)))

    weights = led(fitted, [trial({"ranker": 0, "catalog": 1}, true=0)] * 40)

    assert np.allclose(weights.rows[0, [CATALOG, 0]], [0.2, 0.8 * 0.9 / 0.98])
    assert np.allclose(weights.rows[1:5], fitted.rows[1:5])
