"""Joins that cannot be fulfilled are refused with the field and the fix."""

import pytest
from pydantic import ValidationError
from tasks_to_refuse import CATALOG, loop, refused, step, task

from planners.validation import check, explain, parse

GOAL = {"id": "g", "goal": "do it"}


def join(*steps, **policy):
    return step("m", join={"steps": steps, **(policy or {"min_successful": 1})})


@pytest.mark.parametrize(
    ("given", "field", "fix"),
    [
        ({"steps": []}, "join.steps", "at least 1"),
        ({"steps": ["a"]}, "join", "add min_successful"),
        ({"steps": ["a", "a"], "timeout_s": 1}, "join", "name each step once"),
        ({"steps": ["a"], "min_sucessful": 1}, "join.min_sucessful", "did you mean 'min_successful'"),
        ({"min_successful": 1}, "join.steps", "add it"),
    ],
)
def test_a_join_that_means_nothing_is_refused(given, field, fix):
    with pytest.raises(ValidationError) as caught:
        parse({"workflow": {"steps": [step("m", join=given)]}})
    flaw = explain(caught.value)[0]

    assert flaw.field == f"workflow.steps.0.{field}"
    assert fix in flaw.fix


def test_a_goal_joins_nothing():
    with pytest.raises(ValidationError) as caught:
        parse({"workflow": {"steps": [step("a"), GOAL | {"join": {"steps": ["a"], "min_successful": 1}}]}})

    assert "let a step before it join" in explain(caught.value)[0].fix


@pytest.mark.parametrize(
    ("steps", "field", "fix"),
    [
        ((step("a"), join("a", "bb")), "m.join.steps", "there are a"),
        ((step("a"), join("a", min_successful=2)), "m.join.min_successful", "ask for 1 at most"),
        ((GOAL, join("g")), "m.join.steps", "put it into a route"),
        ((join("m"),), "m", "remove one of these dependencies"),
        ((step("a"), loop("each", [1], join("a"))), "each.steps.m.join.steps", "add after: [a]"),
        ((step("a"), step("join:m"), join("a")), "join:m", "choose another id"),
        ((step("a"), step("b"), join("a", "b", stragglers={"factor": 2})), "m.join.stragglers", "leave it out"),
        (
            ({"id": "p", "parallel": [step(n) for n in "abc"], "stragglers": {"factor": 2, "once": "100%"}},),
            "p.stragglers",
            "lower `once`",
        ),
    ],
)
def test_a_join_of_what_cannot_be_joined_is_refused(steps, field, fix):
    flaw = refused(task(*steps))

    assert flaw.field == f"workflow.steps.{field}"
    assert fix in flaw.fix


def test_joins_in_a_long_row_are_refused():
    rows = [step("m0")]
    for number in range(1, 40):
        names = [f"m{number - 1}", f"x{number}"]
        rows += [step(names[1]), step(f"m{number}", join={"steps": names, "min_successful": 1})]

    check(task(*rows[:61]), CATALOG)
    assert refused(task(*rows)).message == "39 joins wait for each other in a row"
