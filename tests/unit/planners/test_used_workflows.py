"""Workflows of the catalog as steps: put into the task when it is admitted, and unrolled like any other node."""

from typing import Any

import pytest
from tasks_to_refuse import CATALOG as AGENTS
from tasks_to_refuse import CLUSTER

from planners.agents import Catalog
from planners.bindings import Gather, InputRef, StepRef, Value
from planners.definitions import NamedWorkflow
from planners.errors import InvalidTask
from planners.expansion import flatten
from planners.linking import definition_flaws, linked
from planners.tasks import Task
from planners.validation import check


def step(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "capability": "anything", **more}


def defined(name: str, *steps: dict[str, Any], **more: Any) -> NamedWorkflow:
    return NamedWorkflow.model_validate({"name": name, "steps": list(steps), **more})


def catalog(*workflows: NamedWorkflow) -> Catalog:
    return AGENTS.model_copy(update={"workflows": workflows})


REPLY = defined(
    "reply",
    step("draft", inputs={"text": "$inputs.mail", "tone": "$inputs.tone"}),
    step("polish", inputs={"text": "$steps.draft.text"}),
    inputs={"mail": "string", "tone": {"type": "string", "default": "kind"}},
)


def a_task(*nodes: dict[str, Any], inputs: dict[str, Any] | None = None) -> Task:
    return Task.model_validate({"workflow": {"steps": list(nodes)}, "inputs": inputs or {}})


def unrolled(task: Task, known: dict[str, Any] | None = None) -> Any:
    assert task.workflow is not None
    return flatten(task.workflow, task.inputs, known or {})


def refused(task: Task, *workflows: NamedWorkflow) -> InvalidTask:
    with pytest.raises(InvalidTask) as caught:
        check(linked(task, catalog(*workflows)), catalog(*workflows), CLUSTER)
    assert caught.value.fix
    return caught.value


def test_its_steps_take_the_place_of_the_node_and_read_only_its_inputs():
    task = a_task({"id": "a", "use": "reply", "inputs": {"mail": "$inputs.body"}}, inputs={"body": "hello"})

    flat = unrolled(linked(task, catalog(REPLY)))

    assert list(flat.by_id) == ["a/draft", "a/polish"]
    assert flat.by_id["a/draft"].inputs == {"text": InputRef(input="body"), "tone": Value(value="kind")}
    assert flat.by_id["a/polish"].inputs == {"text": StepRef(step="a/draft", path=("text",))}
    assert flat.outputs == {"a": StepRef(step="a/polish")}


def test_joins_inside_it_keep_their_meaning():
    merge = step("merge", inputs={"x": "$steps.b.text"}, join={"steps": ["a", "b"], "min_successful": 1})
    task = a_task({"id": "u", "use": "inner"})

    flat = unrolled(linked(task, catalog(defined("inner", step("a"), step("b"), merge))))

    assert flat.fan_outs[0].id == "join:u/merge"
    assert flat.fan_outs[0].joins == ("u/a", "u/b")
    assert flat.by_id["u/merge"].after == ("u/a", "u/b")


def test_it_may_be_used_several_times_and_inside_other_nodes():
    task = a_task(
        {"id": "first", "use": "reply", "inputs": {"mail": "$inputs.mails.0"}},
        {
            "id": "all",
            "for_each": "$inputs.mails",
            "steps": [{"id": "one", "use": "reply", "inputs": {"mail": "$item", "tone": "$steps.first"}}],
        },
        inputs={"mails": ["x", "y"]},
    )

    flat = unrolled(linked(task, catalog(REPLY)))

    assert [s for s in flat.by_id if "draft" in s] == ["first/draft", "one/draft[0]", "one/draft[1]"]
    assert flat.by_id["one/draft[1]"].inputs["text"] == InputRef(input="mails", path=(1,))
    assert flat.by_id["one/draft[1]"].inputs["tone"] == StepRef(step="first/polish")
    assert flat.outputs["all"] == Gather(gather=(StepRef(step="one/polish[0]"), StepRef(step="one/polish[1]")))


def test_conditions_state_and_lists_inside_it_keep_their_meaning():
    inner = defined(
        "inner",
        {"id": "each", "for_each": "$inputs.list", "steps": [step("look", inputs={"x": "$item"})]},
        {
            "id": "way",
            "route": [{"when": "$inputs.list.size() > 1", "steps": [step("many", inputs={"x": "$steps.each.look"})]}],
            "else": [step("few")],
        },
        inputs={"list": "array"},
    )
    task = a_task({"id": "a", "use": "inner", "inputs": {"list": "$inputs.words"}}, inputs={"words": ["u", "v"]})

    flat = unrolled(linked(task, catalog(inner)))

    assert flat.by_id["a/many"].inputs["x"] == Gather(gather=(StepRef(step="a/look[0]"), StepRef(step="a/look[1]")))
    assert [node.id for node in flat.skipped] == ["a/few"]


def test_the_steps_inside_wait_for_what_the_node_is_after():
    task = a_task(step("first"), {"id": "a", "use": "reply", "inputs": {"mail": "x"}, "after": ["first"]})

    flat = unrolled(linked(task, catalog(REPLY)))

    assert flat.by_id["a/draft"].after == ("first",)


@pytest.mark.parametrize(
    "block",
    [
        {"for_each": [1], "steps": [step("x")]},
        {"parallel": [step("x")]},
        {"loop": [step("x")], "max": 1},
        {"route": [{"when": "true", "steps": [step("x")]}]},
    ],
)
def test_the_steps_inside_any_node_wait_for_what_the_node_is_after(block):
    flat = unrolled(a_task(step("first"), {"id": "b", "after": ["first"], **block}))

    assert {step.id.partition("[")[0]: step.after for step in flat.steps} == {"first": (), "x": ("first",)}


def test_the_last_version_is_used_unless_one_is_named():
    second = REPLY.model_copy(update={"version": "2", "steps": REPLY.steps[:1]})
    plain, pinned = (
        a_task({"id": "a", "use": "reply", "inputs": {"mail": "x"}, **more}) for more in ({}, {"version": "1"})
    )

    assert list(unrolled(linked(plain, catalog(REPLY, second))).by_id) == ["a/draft"]
    assert list(unrolled(linked(pinned, catalog(REPLY, second))).by_id) == ["a/draft", "a/polish"]
    assert linked(plain, catalog(REPLY, second)).workflow.steps[0].version == "2"  # type: ignore[union-attr]


def test_a_linked_task_needs_no_catalog_and_survives_the_journal():
    task = linked(a_task({"id": "a", "use": "reply", "inputs": {"mail": "x"}}), catalog(REPLY))

    assert Task.model_validate_json(task.model_dump_json()) == task
    assert linked(task, Catalog()) is task


@pytest.mark.parametrize(
    ("node", "field", "told"),
    [
        ({"use": "replies"}, "use", "no workflow 'replies'"),
        ({"use": "reply", "version": "7"}, "version", "no version '7'"),
        ({"use": "reply"}, "inputs", "needs the input 'mail'"),
        ({"use": "reply", "inputs": {"mail": "x", "mood": "y"}}, "inputs.mood", "takes no input 'mood'"),
        ({"use": "reply", "inputs": {"mail": 5}}, "inputs.mail", "takes a string as input 'mail', and this is"),
        ({"use": "reply", "inputs": {"mail": "$steps.b"}}, "inputs.mail", "no step 'b'"),
    ],
)
def test_a_wrong_use_is_refused_with_field_and_fix(node, field, told):
    error = refused(a_task({"id": "a", **node}), REPLY)

    assert error.field == f"workflow.steps.a.{field}"
    assert told in error.message


def test_what_is_wrong_inside_is_refused_where_it_is_used():
    broken = defined("broken", step("x", inputs={"a": "$inputs.list.name"}), inputs={"list": "array"})

    error = refused(a_task({"id": "a", "use": "broken", "inputs": {"list": [1]}}), broken)

    assert error.field == "workflow.steps.a.steps.a/x.inputs.a"


def test_a_workflow_that_uses_itself_is_refused():
    one = defined("one", {"id": "x", "use": "two"})
    two = defined("two", {"id": "y", "use": "one"})

    assert refused(a_task({"id": "a", "use": "one"}), one, two).message == (
        "a workflow uses itself: one@1 -> two@1 -> one@1"
    )


def chain(levels: int) -> list[NamedWorkflow]:
    inner = [defined(f"w{n}", {"id": "x", "use": f"w{n + 1}"}) for n in range(levels - 1)]
    return [*inner, defined(f"w{levels - 1}", step("leaf"))]


def test_workflows_nest_20_deep_and_not_200():
    fine = linked(a_task({"id": "a", "use": "w0"}), catalog(*chain(20)))
    check(fine, catalog(*chain(20)))

    assert len(unrolled(fine).steps) == 1
    assert Task.model_validate_json(fine.model_dump_json()) == fine
    assert "levels deep" in refused(a_task({"id": "a", "use": "w0"}), *chain(200)).message


def test_workflows_that_multiply_are_refused_early():
    """Thirty workflows, each of which uses the next one twice, are a billion steps."""
    many = [defined(f"w{n}", {"id": "x", "use": f"w{n + 1}"}, {"id": "y", "use": f"w{n + 1}"}) for n in range(25)]

    error = refused(a_task({"id": "a", "use": "w0"}), *many, defined("w25", step("leaf")))

    assert "more than 10000 steps" in error.message


def test_a_workflow_is_checked_by_itself_with_its_catalog():
    broken = defined("broken", step("x", after=["gone"]))

    (flaw,) = definition_flaws(catalog(REPLY, broken))

    assert (flaw.field, flaw.message) == ("workflows.1.steps.x.after", "there is no step 'gone'")


def test_a_catalog_refuses_two_workflows_of_one_version():
    with pytest.raises(ValueError, match="reply@1 declared more than once"):
        Catalog(workflows=(REPLY, REPLY))
