"""Requests of the speculation benchmark: each has one true plan, and each workload is what it is called."""

from itertools import chain

import numpy as np
import pytest

from benchmarks.scripted_llm import answer_s
from benchmarks.speculation.bootstrap import share_interval, slowdown_interval
from benchmarks.speculation.cases import TOKENS_PER_S, TTFT_S, SpeculationCase, cases

SCALE = 0.25


@pytest.fixture(scope="module")
def made_up():
    return cases(None, size=40, scale=SCALE, seed=3)


def test_no_two_requests_read_alike(made_up):
    of = (
        *(made_up.warm_up, made_up.warm, made_up.half, made_up.unseen),
        *(made_up.adversarial, made_up.unwilling, made_up.mixed),
    )
    goals = [case.goal for case in chain.from_iterable(of)]
    assert len(set(goals)) == len(goals)


def test_a_class_with_one_digit_to_vary_never_runs_out_of_requests(made_up):
    known = {case.tools for case in made_up.past}
    assert len(made_up.warm) == len(made_up.half) == 40
    assert all(case.tools in known for case in (*made_up.warm, *made_up.half))


def test_planning_takes_about_half_of_the_wait_where_it_is_said_to(made_up):
    for case in made_up.half:
        plan_s = answer_s(case.answer(), TTFT_S, TOKENS_PER_S)
        work_s = sum(made_up.catalog.by_capability[tool][0].expected_s for tool in case.tools) / SCALE
        assert 0.35 < plan_s / (plan_s + work_s) < 0.65


def test_mixed_requests_are_of_all_kinds(made_up):
    assert len(made_up.mixed) == 40
    assert {case.kind for case in made_up.mixed} == {"warm", "unseen", "adversarial"}


def test_adversarial_requests_get_none_of_the_tools_of_their_class(made_up):
    numbers = str.maketrans("", "", "0123456789")
    tools = {case.goal.translate(numbers): set(case.tools) for case in made_up.past}
    for case in made_up.adversarial:
        assert not set(case.tools) & tools[case.goal.translate(numbers)]


def test_unseen_requests_are_more_than_of_any_other_workload(made_up):
    assert len(made_up.unseen) > max(len(made_up.warm), len(made_up.unwilling)) > 0


def test_a_plan_with_parallel_steps_is_written_as_recorded():
    case = SpeculationCase("unseen", "Do it.", ("find", "look", "join"), ((0, 2), (1, 2)))

    answer, steps = case.answer(), case.steps()

    assert [step["inputs"].get("before") for step in answer] == [None, None, "$steps.s1"]
    assert [step["after"] for step in answer] == [[], [], ["s0"]]
    assert [set(step.parents) for step in steps] == [set(), set(), {"s0", "s1"}]


def test_a_share_lies_in_its_interval_and_the_interval_shrinks_with_more_requests():
    wait, oracle = [4.0, 6.0, 8.0, 5.0], [2.0, 3.0, 4.0, 2.0]
    mode = [3.0, 4.0, 8.0, 3.0]
    share = (sum(wait) - sum(mode)) / (sum(wait) - sum(oracle))

    few, many = share_interval(wait, mode, oracle), share_interval(wait * 25, mode * 25, oracle * 25)

    assert few[0] <= share <= few[1]
    assert few[0] < many[0] <= share <= many[1] < few[1]


def test_the_share_of_the_oracle_is_certain():
    assert share_interval([4.0, 6.0], [2.0, 3.0], [2.0, 3.0]) == (1.0, 1.0)


def test_the_slowdown_interval_holds_the_slowdown_and_narrows_with_more_requests():
    mode, other = [1.1, 2.0, 3.3, 4.0], [1.0, 2.0, 3.0, 4.1]
    few, many = slowdown_interval(mode, other), slowdown_interval(mode * 25, other * 25)

    assert few[0] < many[0] < sum(mode) / sum(other) - 1 < many[1] < few[1]
    assert slowdown_interval(other, other) == (0.0, 0.0)


def test_intervals_of_requests_that_are_delayed_together_are_wider_than_those_of_as_many_independent_ones():
    """Each request thrice, as in bursts of three that are delayed together, says no more than each once."""
    wait, oracle, mode = [4.0, 6.0, 8.0, 5.0] * 4, [2.0, 3.0, 4.0, 2.0] * 4, [3.0, 4.0, 8.0, 3.0] * 4
    waits, oracles, modes = ([value for value in values for _ in range(3)] for values in (wait, oracle, mode))

    low, high = share_interval(waits, modes, oracles, burst=3)
    slow, fast = slowdown_interval(modes, waits, burst=3)

    assert (low, high) == pytest.approx(share_interval(wait, mode, oracle))
    assert (slow, fast) == pytest.approx(slowdown_interval(mode, wait))
    as_if_independent = share_interval(waits, modes, oracles), slowdown_interval(modes, waits)
    assert low < as_if_independent[0][0] < as_if_independent[0][1] < high
    assert slow < as_if_independent[1][0] < as_if_independent[1][1] < fast


def test_requests_that_are_played_one_by_one_are_drawn_one_by_one():
    wait, oracle, mode = np.array([4.0, 6.0, 8.0, 5.0]), np.array([2.0, 3.0, 4.0, 2.0]), np.array([3.0, 4.0, 8.0, 3.0])
    drawn = np.random.default_rng(0).integers(0, 4, (2_000, 4))

    shares = (wait - mode)[drawn].sum(axis=1) / (wait - oracle)[drawn].sum(axis=1)
    slower = mode[drawn].sum(axis=1) / wait[drawn].sum(axis=1) - 1

    assert share_interval(wait, mode, oracle, burst=1) == pytest.approx(np.quantile(shares, (0.025, 0.975)))
    assert slowdown_interval(mode, wait, burst=1) == pytest.approx(np.quantile(slower, (0.025, 0.975)))


def test_a_last_burst_with_fewer_requests_counts_with_the_requests_it_has():
    wait, oracle, mode = [4.0, 4.0, 4.0, 8.0], [2.0, 2.0, 2.0, 4.0], [3.0, 3.0, 3.0, 8.0]

    assert share_interval(wait, mode, oracle, burst=3) == (0.0, 0.5)  # the last, drawn twice; the first three, twice


def test_a_single_burst_has_no_interval():
    assert share_interval([4.0, 6.0], [3.0, 4.0], [2.0, 3.0], burst=3) is None
    assert slowdown_interval([3.0, 4.0], [4.0, 6.0], burst=3) is None
