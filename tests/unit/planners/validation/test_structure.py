"""Ids and dependencies that make no DAG are refused with the field and the fix."""

import pytest
from tasks_to_refuse import loop, refused, step, task


def test_a_cycle_is_printed():
    error = refused(task(step("c"), step("a", after=["b"]), step("b", inputs={"x": "$steps.a"})))

    assert "a -> b -> a" in error.message
    assert error.field == "workflow.steps.a"


def test_a_cycle_through_a_block_is_printed():
    error = refused(task(loop("each", [1], step("inner", after=["tail"])), step("tail", after=["each"])))

    assert "each -> tail -> each" in error.message


def test_a_cycle_inside_a_block_is_printed():
    error = refused(task(loop("each", [1], step("p", after=["q"]), step("q", after=["p"]))))

    assert "p -> q -> p" in error.message
    assert error.field == "workflow.steps.each.steps.p"


def test_a_step_that_waits_for_itself_is_a_cycle():
    assert "a -> a" in refused(task(step("a", after=["a"]))).message


def test_a_step_that_waits_for_its_own_block_is_refused():
    error = refused(task(loop("each", [1], step("inner", after=["each"]))))

    assert error.field == "workflow.steps.each.steps.inner.after"


def test_an_unknown_dependency_gets_the_nearest_name():
    error = refused(task(step("conformer"), step("b", after=["confromer"])))

    assert error.field == "workflow.steps.b.after"
    assert "conformer" in error.fix


def test_a_reference_to_an_output_that_no_step_makes_is_refused():
    error = refused(task(step("a", inputs={"x": ["$steps.missing", "$steps.a2"]}), step("a2")))

    assert error.field == "workflow.steps.a.inputs.x"
    assert "missing" in error.message


def test_a_reference_into_a_block_from_outside_names_the_block():
    error = refused(task(loop("each", [1], loop("deep", [2], step("inner"))), step("b", inputs={"x": "$steps.inner"})))

    assert "'each'" in error.fix
    assert error.field == "workflow.steps.b.inputs.x"


def test_an_output_of_the_task_that_no_step_makes_is_refused():
    assert refused(task(step("a"), outputs={"best": "$steps.b"})).field == "workflow.outputs.best"


@pytest.mark.parametrize(
    "steps",
    [
        (step("a"), step("a")),
        (step("a"), loop("each", [1], step("a"))),
        (loop("each", [1], step("x")), loop("other", [1], step("x"))),
        (loop("same", [1], step("same")),),
    ],
)
def test_ids_are_unique_at_every_depth(steps):
    assert "used 2 times" in refused(task(*steps)).message


def test_an_id_that_a_copy_of_a_step_will_get_is_refused():
    error = refused(task(step("x[0]"), loop("each", [1], step("x"))))

    assert "'x[0]' is reserved for a copy of 'x'" in error.message
    assert error.field == "workflow.steps.x[0]"


def test_an_id_that_a_step_of_a_goal_may_get_is_refused():
    error = refused(task(step("g/caption"), {"id": "g", "goal": "caption it"}))

    assert "'g/caption' is reserved for a step of the goal 'g'" in error.message


def test_a_reference_with_a_digit_of_another_script_is_a_name():
    error = refused(task(step("a", inputs={"x": "$inputs.squares.²"}), inputs={"squares": [1]}))

    assert "has no '²' at the top" in error.message
