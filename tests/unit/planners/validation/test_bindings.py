"""A binding that leads nowhere is refused with the field and the fix."""

import pytest
from tasks_to_refuse import CATALOG, loop, refused, step, task

from planners.validation import check


def test_a_missing_task_input_is_named():
    error = refused(task(step("a", inputs={"x": "$inputs.molecule"}), inputs={"molecules": []}))

    assert error.field == "workflow.steps.a.inputs.x"
    assert "molecules" in error.fix


def test_a_path_that_leads_nowhere_in_a_task_input_is_refused():
    error = refused(task(step("a", inputs={"x": "$inputs.m.0.name"}), inputs={"m": [{"smiles": "O"}]}))

    assert "no 'name' at 0" in error.message


def test_a_field_that_no_agent_gives_is_refused():
    error = refused(task(step("o", "open", inputs={"path": "p"}), step("b", inputs={"x": "$steps.o.point"})))

    assert error.field == "workflow.steps.b.inputs.x"
    assert "no 'point'" in error.message


@pytest.mark.parametrize("path", ["points", "points.0", "points.3.x", "points.0.tags.1"])
def test_fields_that_the_schema_has_pass_at_every_depth(path):
    check(task(step("o", "open", inputs={"path": "p"}), step("b", inputs={"x": f"$steps.o.{path}"})), CATALOG)


@pytest.mark.parametrize("path", ["points.x", "points.0.y", "points.0.x.z", "points.0.tags.first"])
def test_fields_that_the_schema_lacks_are_refused_at_every_depth(path):
    refused(task(step("o", "open", inputs={"path": "p"}), step("b", inputs={"x": f"$steps.o.{path}"})))


def test_a_field_of_what_undeclared_agents_give_is_let_pass():
    check(task(step("a"), step("b", inputs={"x": "$steps.a.whatever.0"})), CATALOG)


def test_a_field_of_a_block_is_refused_for_it_gives_a_list():
    error = refused(task(loop("each", [1], step("inner")), step("b", inputs={"x": "$steps.each.gap"})))

    assert "list" in error.fix


def test_item_outside_a_block_is_refused():
    assert "for_each" in refused(task(step("a", inputs={"x": "$item.name"}))).message
    assert refused(task(step("a"), outputs={"x": "$item"})).field == "workflow.outputs.x"
    assert refused(task(loop("each", "$item", step("a")))).field == "workflow.steps.each.for_each"


def test_a_part_that_some_elements_lack_is_refused():
    over = [{"name": "water"}, {"nmae": "benzene"}]

    error = refused(task(loop("each", "$inputs.m", step("a", inputs={"x": "$item.name"})), inputs={"m": over}))

    assert error.field == "workflow.steps.each.steps.a.inputs.x"


@pytest.mark.parametrize("over", [3, "text", "$inputs.m", "$steps.o.points.0.x"])
def test_a_for_each_over_no_list_is_refused(over):
    steps = step("o", "open", inputs={"path": "p"}), loop("each", over, step("a"))

    assert refused(task(*steps, inputs={"m": {"a": 1}})).field == "workflow.steps.each.for_each"


def test_a_for_each_over_what_a_step_gives_passes():
    steps = step("o", "open", inputs={"path": "p"}), loop("e", "$steps.o.points", step("a", inputs={"x": "$item.x"}))

    check(task(*steps), CATALOG)


def test_the_output_of_a_block_is_one_of_its_steps():
    error = refused(task(loop("each", [1], step("first"), step("second"), output="frist")))

    assert error.field == "workflow.steps.each.output"
    assert "first" in error.fix
