"""A reference inside a text is told, as its reader would get it word for word."""

from typing import Any

import pytest

from actors.agent import agent
from actors.catalog import catalog_of
from planners.definitions import NamedWorkflow
from planners.linking import definition_flaws
from planners.validation import check, flaws, parse


@agent("say")
async def say(text: Any) -> str:
    return str(text)


CATALOG = catalog_of(say)


def told(*nodes: Any) -> list[tuple[str, str, str]]:
    task = parse({"inputs": {"name": "Ada"}, "workflow": {"steps": [saying("first", "hello"), *nodes]}})
    return [(flaw.field, flaw.message, flaw.fix) for flaw in flaws(task, CATALOG)]


def saying(name: str, text: Any) -> dict[str, Any]:
    return {"id": name, "capability": "say", "inputs": {"text": text}}


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("Dear $inputs.name,", "$inputs.name"),
        ("it was $steps.first", "$steps.first"),
        ({"messages": [{"role": "user", "content": "I am $inputs.name."}]}, "$inputs.name"),
        (["$inputs.name", "and $steps.first"], "$steps.first"),
    ],
)
def test_a_text_with_a_reference_is_refused_with_the_expression_to_write(text: Any, reference: str):
    each = {"id": "each", "for_each": [1], "steps": [saying("a", text)]}

    for node, field in ((saying("a", text), "a"), (each, "each.steps.a")):
        ((place, message, fix),) = told(node)
        assert place == f"workflow.steps.{field}.inputs.text"
        assert message == f"'{reference}' is not replaced inside a text"
        assert f"{{cel: '\"text \" + {reference}'}}" in fix


@pytest.mark.parametrize("kind", ["approval", "callback"])
def test_a_question_with_a_reference_is_refused_with_where_to_show_the_value(kind: str):
    found = told({"id": "ask", kind: "Shall we write to $inputs.name?"})

    assert found == [
        (
            f"workflow.steps.ask.{kind}",
            "'$inputs.name' is not replaced inside a text",
            "show the value: inputs: {NAME: $inputs.name}",
        )
    ]


@pytest.mark.parametrize(
    "text", ["It costs $5, or $inputs.price", "write $inputs.NAME", {"cel": '"Dear " + $inputs.name'}, 5]
)
def test_what_names_nothing_of_the_task_is_taken_as_it_is(text: Any):
    assert told(saying("a", text)) == []


@pytest.mark.parametrize("literal", ["$inputs.name", "$inputs.name is written so", {"text": "$inputs.name"}])
def test_a_literal_that_begins_with_a_reference_and_is_written_as_a_value_is_taken_as_it_is(literal: Any):
    assert told(saying("a", {"value": literal})) == []


def test_a_text_of_the_inputs_may_hold_anything():
    document = {"inputs": {"name": "Dear $inputs.name"}, "workflow": {"steps": [saying("a", "$inputs.name")]}}

    check(parse(document), CATALOG)


def test_workflows_of_a_catalog_are_told_too():
    workflow = {"name": "w", "inputs": {"name": "string"}, "steps": [saying("a", "Dear $inputs.name")]}
    catalog = CATALOG.model_copy(update={"workflows": (NamedWorkflow.model_validate(workflow),)})

    (flaw,) = definition_flaws(catalog)

    assert flaw.field == "workflows.0.steps.a.inputs.text"
