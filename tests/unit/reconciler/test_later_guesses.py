"""A better guess that is being made leaves an early one less to save and less to lose, and is asked for if it pays."""

import pytest
from gate_questions import OPTIONS, candidates, decisions, step

from reconciler.gate import LaterGuess, Refusal, worth_asking


def appraised(later, **more):
    return candidates(step("a", d=10.0, p=0.5), expected=5.0, later=later, **more)["a"].appraisal


def test_where_the_later_guess_is_always_right_an_early_step_saves_and_risks_the_time_until_it_comes():
    early = appraised(LaterGuess(at_s=1.0, right=1.0))

    assert early.saved_s == pytest.approx(1.0)
    assert early.risked_s == pytest.approx(1.0)


def test_where_the_later_guess_is_never_right_it_changes_nothing():
    assert appraised(LaterGuess(at_s=1.0, right=0.0)) == appraised(None)


def test_in_between_both_are_means():
    early, alone = appraised(LaterGuess(at_s=1.0, right=0.5)), appraised(None)

    assert early.saved_s == pytest.approx((1.0 + alone.saved_s) / 2)
    assert early.risked_s == pytest.approx((1.0 + alone.risked_s) / 2)


def test_a_guess_that_is_late_is_not_reckoned_with():
    assert appraised(LaterGuess(at_s=1.0, right=1.0), now=2.0) == appraised(None, now=2.0)


def test_an_unlikely_step_of_an_agent_paid_by_the_call_waits_for_the_better_guess():
    """The call costs the same whenever it is made, and there is less to save."""
    dear = step("a", agent="paid", d=30.0, p=0.8)
    alone = decisions(candidates(dear, expected=30.0))["a"]
    waiting = decisions(candidates(dear, expected=30.0, later=LaterGuess(at_s=1.0, right=0.9)))["a"]

    assert alone.dispatch
    assert waiting.refusal is Refusal.PRICE


@pytest.mark.parametrize(
    ("usd", "likely", "plan_s", "asked"),
    [
        (0.0, 0.2, 4.0, True),
        (0.0, 0.9, 4.0, False),  # the guess in hand is better
        (0.0, 0.2, 0.9, False),  # the plan comes sooner
        (0.002, 0.2, 4.0, False),  # 0.6 of 3 s are worth 0.0018 dollars
        (0.001, 0.2, 4.0, True),
    ],
)
def test_a_draft_is_asked_for_where_it_gains_more_than_it_costs(usd, likely, plan_s, asked):
    assert worth_asking(LaterGuess(at_s=1.0, right=0.8), usd, likely, plan_s, OPTIONS) is asked
