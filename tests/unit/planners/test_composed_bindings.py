"""Objects and lists made of references, at any depth."""

import json

import pytest
from declared import Declared, a_task, step
from pydantic import TypeAdapter, ValidationError
from tasks_to_refuse import CATALOG, refused, task
from tasks_to_refuse import step as a_step

from planners.agents import AgentSpec
from planners.bindings import Binding, Composed, Gather, StepRef, Value, leaves, shorthand, step_refs, unwrapped
from planners.builder import WorkflowBuilder
from planners.errors import InvalidTask
from planners.expansion import flatten
from planners.plans import Plan, PlanKind
from planners.tasks import Task
from planners.validation import check, explain, parse
from planners.work_keys import InputDigests, work_keys
from planners.workflow import FlatWorkflow, Step

BINDING = TypeAdapter(Binding)


def read(raw):
    return BINDING.validate_python(raw)


@pytest.mark.parametrize(
    "raw",
    [
        {"a": "$steps.x"},
        {"a": ["$steps.x", "$steps.y.z"], "b": {"c": "$inputs.q", "d": 1}},
        [[["$steps.x"]], 1],
        ["$steps.x", {"a": "$steps.y"}],
        {"item": "book", "price": "$item.price"},
    ],
)
def test_references_are_read_at_any_depth(raw):
    binding = read(raw)

    assert isinstance(binding, Composed | Gather)
    assert shorthand(binding) == raw
    assert BINDING.validate_json(json.dumps(raw)) == binding
    written = json.loads(BINDING.dump_json(binding))
    assert BINDING.validate_python(unwrapped(written)) == binding == BINDING.validate_python(written)


@pytest.mark.parametrize(
    "raw",
    [
        {"a": "costs $5"},
        {"a": "$5"},
        {"a": "$"},
        {"a": ["$ {x}", "$5.50"]},
        {"value": 5},
        {"a": {"step": "one", "path": []}},
        {"$steps.x": 1},
        [{"step": "one"}],
    ],
)
def test_other_objects_and_lists_are_literals(raw):
    binding = read(raw)

    assert binding == Value(value=raw)
    written = json.loads(BINDING.dump_json(binding))
    assert BINDING.validate_python(unwrapped(written)) == binding


def test_a_part_that_would_read_as_a_reference_is_wrapped():
    binding = read({"a": "$steps.x", "b": {"value": "$HOME"}, "c": {"value": 5}, "d": {"step": "one"}})

    assert shorthand(binding) == {"a": "$steps.x", "b": "$HOME", "c": {"value": 5}, "d": {"step": "one"}}
    assert [leaf for leaf in leaves(binding) if isinstance(leaf, StepRef)] == [StepRef(step="x")]


def test_a_literal_that_would_read_as_an_object_of_references_keeps_its_form():
    binding = read({"value": {"a": "$steps.x"}})

    assert binding == Value(value={"a": "$steps.x"})
    assert json.loads(BINDING.dump_json(binding)) == {"value": {"a": "$steps.x"}}


def test_a_literal_of_a_journal_that_was_written_before_stays_one():
    before = {
        "v": 1,
        "steps": [{"id": "s", "capability": "c", "inputs": {"x": {"a": "$steps.y"}, "y": [["$steps.y"]]}}],
    }

    flat = FlatWorkflow.model_validate(before)

    assert flat.steps[0].inputs == {"x": Value(value={"a": "$steps.y"}), "y": Value(value=[["$steps.y"]])}
    assert not flat.steps[0].parents


@pytest.mark.parametrize("raw", [{"a": "$step.x"}, {"a": {"b": ["$HOME"]}}, [["$y"]]])
def test_what_looks_like_a_reference_and_is_none_is_refused(raw):
    with pytest.raises(ValidationError) as caught:
        parse({"workflow": {"steps": [a_step("s", inputs={"x": raw})]}})

    flaw = explain(caught.value)[0]
    assert flaw.field in ("workflow.steps.0.inputs.x", "workflow.steps.0.inputs.x.0.0")
    assert "is not a reference" in flaw.message
    assert "write $inputs.NAME" in flaw.fix


def test_references_that_are_too_deep_are_refused():
    value = "$steps.a"
    for _ in range(40):
        value = {"a": value}

    with pytest.raises(ValidationError) as caught:
        parse({"workflow": {"steps": [a_step("a"), a_step("s", inputs={"x": value})]}})

    flaw = explain(caught.value)[0]
    assert flaw.field == "workflow.steps.1.inputs.x"
    assert flaw.fix == "give it an input of its own"


def test_a_dangling_reference_inside_an_object_is_refused():
    error = refused(task(a_step("a", inputs={"x": {"y": [{"z": "$steps.nobody"}]}})))

    assert error.field == "workflow.steps.a.inputs.x"
    assert "nobody" in error.message


def test_an_object_is_no_list_and_has_only_its_fields():
    over = {"id": "each", "for_each": {"a": "$steps.a"}, "steps": [a_step("b")]}

    assert "needs a list" in refused(task(a_step("a"), over)).message


def test_the_fields_of_an_object_are_compared_with_what_the_agent_takes():
    opened = a_step("a", "open", inputs={"path": "x"})
    wants = {"type": "object", "properties": {"x": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
    agents = (*CATALOG.agents, AgentSpec(name="strict", capability="strict", input_schema=wants))

    def flaw_of(value):
        with pytest.raises(InvalidTask) as caught:
            check(
                task(opened, a_step("b", "strict", inputs={"x": value})), CATALOG.model_copy(update={"agents": agents})
            )
        return caught.value

    assert flaw_of({"n": "$steps.a.points", "m": 1}).message.startswith(
        "agent 'strict' takes an integer as input 'x' at 'n'"
    )
    assert "takes an object as input 'x'" in flaw_of(["$steps.a"]).message


def test_parts_of_an_object_are_read_inside_a_block():
    each = {
        "id": "each",
        "for_each": [{"n": 1, "of": "$steps.a"}, {"n": 2, "of": "$inputs.q"}],
        "steps": [step("b", inputs={"n": "$item.n", "all": {"item": "$item", "of": "$item.of"}})],
    }
    flat = flatten(Task.model_validate({"workflow": {"steps": [step("a"), each]}}).workflow, {"q": 5})

    first = flat.by_id["b[0]"]
    assert first.inputs["n"] == Value(value=1)
    assert shorthand(first.inputs["all"]) == {"item": {"n": 1, "of": "$steps.a"}, "of": "$steps.a"}
    assert list(step_refs(first.inputs["all"])) == [StepRef(step="a"), StepRef(step="a")]
    plan = Plan(kind=PlanKind.OPTIMAL, steps=(), outputs={"x": first.inputs["all"]})
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_the_work_key_depends_on_every_part_of_an_object():
    def key(raw):
        steps = [Step(id="a", capability="c"), Step(id="s", capability="c", inputs={"x": raw})]
        return work_keys([(one, "a@1") for one in steps], InputDigests({}))["s"]

    kinds = [{"a": "$steps.a"}, {"b": "$steps.a"}, {"a": "$steps.a.x"}, {"a": "$steps.a", "b": 1}, ["$steps.a"]]
    assert len({key(raw) for raw in kinds}) == len(kinds)
    assert key({"a": "$steps.a", "b": 1}) == key({"b": 1, "a": "$steps.a"})


def test_agents_get_objects_with_the_values_of_their_references():
    steps = [
        step("a", inputs={"n": 1}),
        step("b", inputs={"n": {"of": "$steps.a", "both": ["$steps.a", {"q": "$inputs.q"}]}}),
    ]

    world = Declared(a_task(steps, {"q": 7}), output=lambda _capability, inputs, _number: inputs["n"]).play()

    assert world.outputs == {"b": {"of": 1, "both": [1, {"q": 7}]}}


def test_the_builder_takes_references_inside_objects():
    flow = WorkflowBuilder()
    a = flow.step("a", "do")
    with flow.for_each("each", [1]) as each:
        flow.step("b", "do")
    flow.step(
        "c",
        "do",
        {"x": {"a": a.part, "each": [each, flow.inputs.q]}},
        compensate={"capability": "undo", "inputs": {"of": a}},
    )

    step_c = flow.document()["steps"][2]
    assert step_c["inputs"]["x"] == {"a": "$steps.a.part", "each": ["$steps.each", "$inputs.q"]}
    assert step_c["compensate"]["inputs"] == {"of": "$steps.a"}
