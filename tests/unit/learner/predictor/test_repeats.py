"""Requests that come again, and a planner that answers them differently."""

import random

import numpy as np
import pytest

from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from learner.predictor.experts import EXPERTS
from learner.predictor.history import RequestHistory, first_requests, request_key
from learner.predictor.mixture import ExpertWeights, Observation
from learner.predictor.plan_space import PlanSpace
from learner.predictor.ridge import KernelRidge

CATALOG = [ToolText(name, name) for name in ("fetch", "parse", "rank", "store", "alert")]
TEXTS = ("collect the news of day {}", "check the disks of host {}", "report on team {}", "clean folder {}")
USUAL = (("fetch", "parse"), ("parse", "alert"), ("rank", "store"), ("store", "alert", "fetch"))

PAIRS = (
    (TEXTS[0], ("fetch", "parse"), ("fetch", "rank")),
    (TEXTS[1], ("rank", "store"), ("parse", "alert")),
    (TEXTS[2], ("alert",), ("fetch", "alert")),
)


def chain(request: str, *steps: str, kind: str = "") -> PlanExample:
    return PlanExample(request, steps, tuple((i, i + 1) for i in range(len(steps) - 1)), kind)


def inconsistent(repeats: int, share: float = 0.65, seed: int = 0) -> list[PlanExample]:
    """Each request so many times; its usual plan comes with this share, otherwise any other."""
    source = random.Random(seed)
    drawn = []
    for number in range(repeats):
        for at, text in enumerate(TEXTS):
            steps = USUAL[at]
            if source.random() > share:
                steps = tuple(source.sample([tool.name for tool in CATALOG], 2))
            drawn.append(chain(text.format(number), *steps))
    return drawn


def test_a_repeated_request_gets_its_commonest_plan_and_not_its_last():
    past = [*inconsistent(20), *(chain(text.format(99), "alert", "alert") for text in TEXTS)]
    predictor = TrainedPlanPredictor.fit(past, CATALOG)

    assert tuple(predictor.predict(text.format(7))[0].steps for text in TEXTS) == USUAL


def test_of_two_plans_that_came_equally_often_the_older_one_is_guessed():
    past = [chain(text.format(n), *steps) for n in range(20) for text, *both in PAIRS for steps in (both[n % 2],)]
    predictor = TrainedPlanPredictor.fit(past, CATALOG)

    assert [predictor.predict(text.format(7))[0].steps for text, *_ in PAIRS] == [older for _, older, _ in PAIRS]


def test_all_repeats_count_however_many_there_are(monkeypatch):
    """What costs are distinct requests."""
    monkeypatch.setattr("learner.predictor.training.WINDOW", 6)

    predictor = TrainedPlanPredictor.fit(inconsistent(20), CATALOG)

    assert predictor.fitted is not None
    assert len(predictor.fitted.history.plans) == 20 * len(TEXTS)


def test_of_more_requests_than_the_window_holds_the_most_recent_are_kept(monkeypatch):
    monkeypatch.setattr("learner.predictor.training.WINDOW", 4)
    past = [chain(f"do {word}", "fetch") for word in ("one", "two", "three", "four", "five", "six", "seven", "eight")]

    predictor = TrainedPlanPredictor.fit([*past, past[0]], CATALOG)

    assert predictor.fitted is not None
    kept = predictor.fitted.history.keys
    assert len(kept) == 4
    assert {request_key("do eight"), request_key("do one")} <= set(kept)


def test_the_probability_of_a_repeated_plan_is_how_often_it_comes():
    predictor = TrainedPlanPredictor.fit(inconsistent(40), CATALOG)

    claimed = [predictor.predict(text.format(7))[0].probability for text in TEXTS]

    assert np.mean(claimed) == pytest.approx(0.65, abs=0.12)


def test_a_new_request_of_a_kind_gets_the_commonest_plan_of_the_kind_where_nothing_else_is_known():
    past = [chain(f"zq{word} {n}", "fetch", "store", kind="nightly") for word in "abcdefgh" for n in range(3)]
    past += [chain(f"wx{word} {n}", "rank", kind="daily") for word in "abcdefgh" for n in range(3)]
    predictor = TrainedPlanPredictor.fit(past, CATALOG)

    (nightly,) = predictor.predict("unheard of words", kind="nightly")
    (daily,) = predictor.predict("unheard of words", kind="daily")

    assert (nightly.steps, daily.steps) == (("fetch", "store"), ("rank",))


def test_requests_that_differ_in_values_only_share_a_row():
    examples = [chain("wake me at 7:30", "alert"), chain("store this", "store"), chain("wake me at 9:15", "fetch")]
    _, plans = PlanSpace.of([], examples)

    history = RequestHistory.of(examples, plans)

    assert history.rows == [0, 1, 0]
    assert history.times.tolist() == [2, 1]
    assert history.row_of("wake me at 8:00") == 0
    assert history.row_of("wake him") is None
    assert [request_key(text) for text in first_requests(examples)] == history.keys


def test_a_mean_of_observations_weighs_as_much_as_the_observations():
    rows = np.random.default_rng(0).random((6, 4)).astype(np.float32)
    repeated = np.repeat(rows, (3, 1, 1, 1, 1, 1), axis=0)
    targets = np.random.default_rng(1).random((8, 2))
    means = np.vstack([targets[:3].mean(axis=0), targets[3:]])

    one_each, _ = KernelRidge.fit(repeated @ repeated.T, targets, 0.2)
    grouped, _ = KernelRidge.fit(rows @ rows.T, means, 0.2, np.array([3.0, 1, 1, 1, 1, 1]))
    asked = np.random.default_rng(2).random(4).astype(np.float32)

    assert np.allclose(one_each.scores(repeated @ asked), grouped.scores(rows @ asked), atol=1e-4)


def test_leaving_a_request_out_leaves_out_all_of_its_repeats():
    rows = np.random.default_rng(0).random((6, 4)).astype(np.float32)
    targets, times = np.random.default_rng(1).random((6, 2)), np.array([5.0, 1, 2, 1, 1, 3])

    model, left_out = KernelRidge.fit(rows @ rows.T, targets, 0.2, times)
    others, _ = KernelRidge.fit(rows[1:] @ rows[1:].T, targets[1:], 0.2, times[1:])

    assert np.allclose(left_out[0], others.scores(rows[1:] @ rows[0]), atol=1e-4)
    assert np.allclose(model.left_out(0, targets[0]), left_out[0], atol=1e-4)


def test_an_expert_that_is_right_gains_weight_and_few_observations_change_little():
    right = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0], dtype=np.float32)
    few = ExpertWeights.fit([Observation(right, 1)]).rows[1]
    many = ExpertWeights.fit([Observation(right, 1)] * 200).rows[1]

    assert few.argmax() == ExpertWeights.prior().rows[1].argmax()
    assert many[4] > 0.8
    assert np.allclose(ExpertWeights.fit([]).rows.sum(axis=1), 1)


def observed(*, changes_its_mind: bool) -> list[Observation]:
    """A planner with two plans: either the last one comes again, or the commoner one in six of ten times."""
    source, repeats, last = random.Random(0), EXPERTS.index("repeats"), EXPERTS.index("last")
    drawn = []
    for _ in range(300):
        likelihood = np.zeros(len(EXPERTS), dtype=np.float32)
        likelihood[repeats] = 0.5 if changes_its_mind else source.choices((0.6, 0.4), (0.6, 0.4))[0]
        likelihood[last] = float(changes_its_mind or source.random() < likelihood[repeats])
        drawn.append(Observation(likelihood, 4))
    return drawn


def test_the_last_plan_of_a_request_counts_only_where_it_says_more_than_all_its_plans():
    steady, changing = (
        ExpertWeights.fit(observed(changes_its_mind=changes)).rows[3, EXPERTS.index("last")]
        for changes in (False, True)
    )

    assert steady == 0
    assert changing > 0.9


def test_requests_unlike_all_learned_from_get_low_probabilities():
    variants = ("today", "soon", "again", "now", "later", "please", "once", "quickly", "twice", "first")
    past = [chain(f"{text.format(1)} {word}", *USUAL[at]) for word in variants for at, text in enumerate(TEXTS)]
    predictor = TrainedPlanPredictor.fit(past, CATALOG)

    known = predictor.predict("collect the news of day 3 instead")[0]
    strange = predictor.predict("translate a sonnet into Latin hexameters")[0]

    assert max(strange.work_probability) < 0.2 < min(known.work_probability)


def test_the_name_of_a_step_outside_the_catalog_is_no_evidence_for_it():
    """In training, the words of a step in free text would give the plan away: a new request's own step is not known."""
    past = [chain("find the red cat", "find the red cat", "store"), chain("find the dog", "find the dog", "store")]
    predictor = TrainedPlanPredictor.fit(past, CATALOG)
    assert predictor.fitted is not None
    number = predictor.fitted.space.number

    evidence = predictor._forecast("find the red cat and store it", "").judgement.evidence

    assert evidence.strength[number["find the red cat"]] == evidence.cold.strongest[number["find the red cat"]] == 0
    assert evidence.strength[number["store"]] > 0 < evidence.cold.strongest[number["store"]]
