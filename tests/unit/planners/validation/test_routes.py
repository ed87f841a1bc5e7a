"""Routes that cannot work are refused with the field and the fix."""

import pytest
from pydantic import ValidationError
from tasks_to_refuse import CATALOG, refused, step, task

from planners.errors import InvalidTask
from planners.validation import check, explain, parse

OPENED = step("doc", "open", inputs={"path": "a"})


def way(*cases, name="way", **more):
    return {"id": name, "route": [{"when": when, "steps": list(steps)} for when, *steps in cases], **more}


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("$steps.doc.point.size() > 0", "the output of"),
        ("$steps.doc.points > 3", "no matching overload"),
        ("$inputs.mode == 3", "no matching overload"),
        ("$inputs.size > 3", "the task has no input 'size'"),
        ("size > 3", "undeclared reference to 'size'"),
        ("$steps.doc.points.size() +", "Syntax error"),
        ("$steps.doc.points.size()", "its value is int, not bool"),
        ("$item == 1", "$item has no meaning"),
        ("$state.turn == 1", "$state has no meaning"),
    ],
)
def test_a_condition_that_cannot_hold_names_its_field(when, told):
    error = refused(task(OPENED, way((when, step("a"))), inputs={"mode": "fast"}))

    assert error.field == "workflow.steps.way.route.0.when"
    assert told in error.message.replace("$steps.doc has", "the output of")


@pytest.mark.parametrize(
    ("when", "fix"),
    [
        ("$inputs.n = 3", "write == in place of ="),
        ("$inputs.n > 3 and $inputs.n < 5", "write && in place of and"),
        ("not ($inputs.n > 3)", "write ! in place of not"),
        ("$inputs.n == None", "write null in place of None"),
        ("len($inputs.mode) > 3", "write $x.size() in place of len"),
    ],
)
def test_words_of_other_languages_are_corrected(when, fix):
    assert refused(task(OPENED, way((when, step("a"))), inputs={"mode": "fast", "n": 3})).fix == fix


@pytest.mark.parametrize("when", ["$steps.doc.points.size() > 3", "has($steps.doc.pages)", "$inputs.mode == 'x'"])
def test_a_condition_over_what_exists_is_accepted(when):
    check(task(OPENED, way((when, step("a"))), inputs={"mode": "fast"}), CATALOG)


def test_a_condition_over_an_unknown_step_gets_the_nearest_name():
    error = refused(task(OPENED, way(("$steps.dok.points.size() > 3", step("a")))))

    assert error.field == "workflow.steps.way.route.0.when"
    assert error.fix == "did you mean 'doc'?"


def test_a_stray_dollar_is_refused_before_anything_is_checked():
    with pytest.raises(ValidationError) as caught:
        parse({"workflow": {"steps": [way(("$foo == 1", step("a")))]}})

    (flaw,) = explain(caught.value)
    assert flaw.field == "workflow.steps.0.route.0.when"
    assert "'$foo' is not a reference" in flaw.message


def test_a_step_inside_a_route_cannot_be_read_from_outside():
    error = refused(task(OPENED, way(("true", step("a"))), step("b", inputs={"x": "$steps.a"})))

    assert error.fix == "refer to 'way'"


def test_a_step_cannot_read_a_step_of_another_branch():
    error = refused(task(way(("true", step("a")), ("true", step("b", inputs={"x": "$steps.a"})))))

    assert error.field == "workflow.steps.way.route.1.steps.b.inputs.x"


def test_an_unknown_output_of_a_branch_is_refused():
    given = task({"id": "way", "route": [{"when": "true", "steps": [step("a")], "output": "z"}]})

    assert refused(given).field == "workflow.steps.way.route.0.output"


def test_a_cycle_through_a_condition_is_printed():
    error = refused(task(way(("$steps.b == 1", step("a"))), step("b", inputs={"x": "$steps.way"})))

    assert "way -> b -> way" in error.message


def test_every_way_must_have_what_is_read_from_the_output():
    given = task(
        {**way(("true", step("x", "open", inputs={"path": "a"}))), "else": [step("y", "open", inputs={"path": "b"})]},
        step("b", inputs={"x": "$steps.way.lines"}),
    )

    assert "has no 'lines'" in refused(given).message


@pytest.mark.parametrize(("depth", "fits"), [(20, True), (200, False)])
def test_routes_nest_to_a_stated_depth(depth, fits):
    node = step("inner")
    for level in range(depth):
        node = way(("true", node), name=f"w{level}")
    if fits:
        check(task(node), CATALOG)
        return
    with pytest.raises(InvalidTask, match="levels deep"):
        check(parse({"workflow": {"steps": [node]}}), CATALOG)


def test_budgets_count_only_what_surely_runs():
    dear = step("a", agent="dear")
    check(
        task(way(("true", dear)), step("b", agent="dear", inputs={"x": "$steps.way"}), limits={"budget_usd": 0.4}),
        CATALOG,
    )

    both = task({**way(("true", dear)), "else": [step("c", agent="dear")]}, limits={"budget_usd": 0.4})
    assert refused(both).field == "limits.budget_usd"
