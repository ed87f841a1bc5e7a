"""A kind of task on which streaming is better stops guessing after a handful, and begins again when that pays."""

import pytest
from outcome_streams import outcome

from learner.online.speculation_worth import SpeculationWorth
from learner.online.task_kinds import TaskKinds


def after(*outcomes):
    worth = SpeculationWorth()
    for one in outcomes:
        worth.observe(one)
    return worth


def wrong(number, **more):
    return outcome(number, survived=False, **more)


def test_guesses_that_are_always_wrong_stop_after_a_handful_of_tasks():
    made = [wrong(number, task=f"t{number // 2}") for number in range(8)]

    assert after(*made[:7]).pays
    assert not after(*made).pays


def test_right_guesses_that_the_stream_confirms_as_soon_do_not_pay_for_wrong_ones():
    """Agents are so quick that the plan would have started them just as well."""
    quick = [outcome(n, realised_s=0.0, task=f"t{n}") if n % 2 else wrong(n, task=f"t{n}") for n in range(10)]

    assert not after(*quick).pays


def test_a_few_wrong_guesses_among_right_ones_pay():
    assert after(*(outcome(n, task=f"t{n}", survived=n % 3 > 0) for n in range(30))).pays


def test_what_the_first_task_lost_does_not_stop_guesses_that_have_been_right_since():
    """Nothing is gained by them either, since the agents are quick, so nothing ever makes up for the first."""
    first = [wrong(number, task="t0") for number in range(2)]
    since = [outcome(number, realised_s=0.0, task=f"t{number}") for number in range(2, 30)]

    assert after(*first, *since).pays


def test_one_task_says_nothing_of_its_kind():
    assert after(*(wrong(number, task="t") for number in range(30))).pays


def test_a_closed_gate_opens_when_the_guesses_it_refuses_would_have_been_right():
    worth = after(*(wrong(number, task=f"t{number}") for number in range(32)))
    assert not worth.pays

    for number in range(32, 64):
        worth.observe(outcome(number, dispatched=False, seconds=0.0, realised_s=1.0, task=f"t{number}"))

    assert worth.pays


def test_it_stays_closed_where_estimates_of_what_is_saved_have_been_wrong():
    """Dispatched guesses saved nothing of what was expected, so refused ones would not have either."""
    worth = after(*(outcome(n, realised_s=0.0, task=f"t{n}") for n in range(60)))
    for number in range(60, 90):
        refused = {"dispatched": False, "seconds": 0.0, "task": f"t{number}"}
        survived = number % 4 > 0
        worth.observe(outcome(number, survived=survived, saved_s=100.0, cost_usd=0.01, **refused))

    assert not worth.pays


def test_guesses_that_the_rule_refuses_say_nothing():
    unlikely = {"probability": 0.01, "cost_usd": 1.0, "dispatched": False}

    assert after(*(wrong(number, task=f"t{number}", **unlikely) for number in range(40))).pays


@pytest.mark.parametrize("survives", [True, False])
def test_the_guidance_of_a_kind_closes_the_gate(survives):
    kinds = TaskKinds(10)
    for number in range(12):
        # Claims of 0.1 are met, so nothing drifts: only what guesses are worth counts.
        claims = {"probability": 0.1, "claimed": 0.1, "realised_s": 0.0, "task": f"b{number}"}
        kinds.observe(outcome(number, survived=number == 0, **claims))
        kinds.observe(outcome(number, task_kind="good", task=f"g{number}"))
    good, bad = kinds.guidance()["good"], kinds.guidance()["k"]

    assert (good if survives else bad).closed is not survives
