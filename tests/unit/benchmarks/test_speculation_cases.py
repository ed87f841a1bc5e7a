"""Requests of the speculation benchmark: each has one true plan, and each workload is what it is called."""

from itertools import chain

import pytest

from benchmarks.scripted_llm import answer_s
from benchmarks.speculation.cases import TOKENS_PER_S, TTFT_S, cases

SCALE = 0.25


@pytest.fixture(scope="module")
def made_up():
    return cases(None, size=40, scale=SCALE, seed=3)


def test_no_two_requests_read_alike(made_up):
    of = (made_up.warm_up, made_up.warm, made_up.half, made_up.unseen, made_up.adversarial, made_up.mixed)
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
