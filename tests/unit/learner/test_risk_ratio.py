"""How much of what they risk wrong guesses have used, and that the gate hears of it."""

import pytest
from outcome_streams import outcome

from learner.learner import Learner
from learner.online.risk_ratio import RiskRatio


def guess(number=0, *, used_s, risked_s=2.0, survived=False, **changes):
    made = outcome(number, survived=survived, seconds=used_s, **changes)
    return made.model_copy(update={"appraisal": made.appraisal.model_copy(update={"risked_s": risked_s})})


def ratio(*guesses):
    found = RiskRatio()
    for one in guesses:
        found.observe(one)
    return found.value


def test_at_first_a_wrong_guess_is_expected_to_run_until_the_plan_is_complete():
    assert ratio() == 1.0


def test_after_many_wrong_guesses_the_ratio_is_that_of_the_seconds_used_and_risked():
    early = [guess(used_s=1.0) for _ in range(200)]

    assert ratio(*early) == pytest.approx(0.5, abs=0.05)
    assert ratio(*early[:1]) == pytest.approx((1.0 + 4 * 2.0) / (2.0 + 4 * 2.0))


def test_a_long_guess_counts_more_than_a_short_one():
    assert ratio(*[guess(used_s=0.1, risked_s=0.1), guess(used_s=1.0, risked_s=10.0)] * 100) < 0.2


@pytest.mark.parametrize(
    "other",
    [
        guess(used_s=0.0, survived=True),
        guess(used_s=0.0, dispatched=False),
        guess(used_s=0.0, risked_s=0.0),
        outcome(survived=False).model_copy(update={"appraisal": None}),
    ],
    ids=["right", "refused", "risked nothing", "not appraised"],
)
def test_only_wrong_guesses_that_ran_count(other):
    assert ratio(*[other] * 50) == 1.0


def test_wrong_guesses_that_run_longer_than_expected_do_not_raise_the_price():
    assert ratio(*[guess(used_s=9.0)] * 50) == 1.0


def test_when_prefixes_no_longer_come_early_the_ratio_rises_again():
    early, late = [guess(used_s=0.5)] * 200, [guess(used_s=2.0)] * 200

    assert ratio(*early) < 0.35
    assert ratio(*early, *late) > 0.9


def test_the_gate_hears_the_ratio_of_the_kind_and_of_all_guesses_where_the_kind_is_new():
    learner = Learner()
    learner.observe(guess(number, used_s=0.5) for number in range(100))
    learner.observe(guess(number, used_s=2.0, task_kind="whole", attempt=f"w{number}") for number in range(100))

    snapshot = learner.snapshot()

    assert snapshot.guidance_for("k").risk_ratio < 0.4
    assert snapshot.guidance_for("whole").risk_ratio > 0.95
    assert 0.4 < snapshot.guidance_for("new").risk_ratio < 0.95
