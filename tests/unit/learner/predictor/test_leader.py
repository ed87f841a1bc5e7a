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
    assert np.array_equal(weights.rows[1:], ExpertWeights.prior().rows[1:])


def test_the_fitted_weights_stay_where_no_expert_does_better():
    trials = [trial({"ranker": 0, "catalog": 1, "repeats": 1}, true=0, repeats=1)] * 40

    assert np.array_equal(led(ExpertWeights.prior(), trials).rows[1:], ExpertWeights.prior().rows[1:])


def test_few_trials_change_nothing():
    trials = [trial({"ranker": 0, "catalog": 1}, true=1, repeats=1)] * 5

    assert np.array_equal(led(ExpertWeights.prior(), trials).rows[1:], ExpertWeights.prior().rows[1:])


def test_the_plans_of_a_request_lead_only_if_they_are_better_by_more_than_chance():
    fitted = ExpertWeights(np.tile([0.6, 0, 0.4, 0, 0, 0], (6, 1)))
    right = trial({"ranker": 0, "repeats": 1}, true=1, repeats=1)
    wrong = trial({"ranker": 0, "repeats": 1}, true=0, repeats=1)

    assert led(fitted, [right] * 26 + [wrong] * 24).rows[1].argmax() == 0
    assert led(fitted, [right] * 35 + [wrong] * 15).rows[1].argmax() == REPEATS


def test_the_catalog_keeps_weight_for_new_requests_in_proportion_to_how_similar_its_guesses_were():
    """The plans learned from may be by another planner than those to come."""
    fitted = ExpertWeights(np.tile([0.9, 0.02, 0.08, 0, 0, 0], (6, 1)))
    lost, both = trial({"ranker": 0, "catalog": 1}, true=0), trial({"ranker": 0, "catalog": 0}, true=0)
    half, never = led(fitted, [lost, both] * 20), led(fitted, [lost] * 40)

    assert np.allclose(half.rows[0, [CATALOG, 0]], [0.3, 0.7 * 0.9 / 0.98])
    assert np.allclose(never.rows[0], fitted.rows[0])
    assert np.allclose(half.rows[1:], fitted.rows[1:])
