"""Routes: one branch is unrolled, the others and what reads them are skipped."""

import pytest

from planners.bindings import Gather, StepRef, Value
from planners.errors import InvalidTask
from planners.expansion import flatten
from planners.workflow import Workflow


def step(name, capability="do", **more):
    return {"id": name, "capability": capability, **more}


def triage(*after, otherwise=None, **route):
    """A classifier, a route over its label, and the steps that follow."""
    ways = {
        "id": "answer",
        "route": [
            {"when": "$steps.classify.label == 'refund'", "steps": [step("refund", inputs={"of": "$steps.classify"})]},
            {"when": "$steps.classify.label == 'bug'", "steps": [step("look"), step("file", after=["look"])]},
        ],
        **route,
    }
    if otherwise is not None:
        ways["else"] = otherwise
    return Workflow.model_validate({"steps": [step("classify"), ways, *after]})


def unrolled(workflow, known=None, inputs=None):
    return flatten(workflow, inputs or {}, known or {})


def names(nodes):
    return [node.id for node in nodes]


READER = step("send", inputs={"text": "$steps.answer"})


def test_a_route_is_pending_until_what_its_conditions_read_is_known():
    flat = unrolled(triage(READER))

    assert names(flat.steps) == ["classify"]
    assert {node.id: node.awaited for node in flat.pending} == {"answer": ("classify",), "send": ()}


def test_the_first_case_that_holds_is_taken_and_the_others_are_skipped():
    flat = unrolled(triage(READER, otherwise=[step("ask")]), {"classify": {"label": "refund"}})

    assert names(flat.steps) == ["classify", "refund", "send"]
    assert flat.by_id["send"].inputs == {"text": StepRef(step="refund")}
    assert names(flat.skipped) == ["look", "file", "ask"]
    assert flat.skipped[0].reason == "the route 'answer' takes another way"


def test_else_is_taken_when_no_condition_holds():
    flat = unrolled(triage(READER, otherwise=[step("ask")]), {"classify": {"label": "praise"}})

    assert names(flat.steps) == ["classify", "ask", "send"]


def test_a_route_that_takes_no_way_is_skipped_with_its_readers():
    flat = unrolled(triage(READER, step("log", after=["answer"])), {"classify": {"label": "praise"}})

    assert names(flat.steps) == ["classify"]
    assert names(flat.skipped) == ["answer", "refund", "look", "file", "send", "log"]
    assert flat.outputs == {}


def test_readers_of_a_skipped_route_get_its_default():
    flat = unrolled(triage(READER, default=None), {"classify": {"label": "praise"}})

    assert flat.by_id["send"].inputs == {"text": Value(value=None)}
    assert "send" not in names(flat.skipped)


def test_a_condition_over_several_outputs_waits_for_all_of_them():
    workflow = Workflow.model_validate(
        {
            "steps": [
                step("one"),
                step("two"),
                {"id": "way", "route": [{"when": "$steps.one > $steps.two", "steps": [step("more")]}]},
            ]
        }
    )

    (pending,) = unrolled(workflow, {"one": 1}).pending

    assert pending.awaited == ("two",)
    assert names(unrolled(workflow, {"one": 2, "two": 1}).steps) == ["one", "two", "more"]


def test_a_route_inside_a_for_each_is_taken_for_each_element():
    workflow = Workflow.model_validate(
        {
            "steps": [
                {
                    "id": "each",
                    "for_each": "$inputs.sizes",
                    "steps": [
                        {
                            "id": "way",
                            "route": [{"when": "$item > 10", "steps": [step("large")]}],
                            "else": [step("small", inputs={"n": "$item"})],
                        }
                    ],
                },
                step("join", inputs={"all": "$steps.each"}),
            ]
        }
    )

    flat = unrolled(workflow, inputs={"sizes": [5, 50]})

    assert flat.by_id["join"].inputs["all"] == Gather(gather=(StepRef(step="small[0]"), StepRef(step="large[1]")))
    assert names(flat.skipped) == ["large[0]", "small[1]"]


def test_elements_whose_output_is_skipped_are_left_out_of_the_list():
    workflow = Workflow.model_validate(
        {
            "steps": [
                {
                    "id": "each",
                    "for_each": "$inputs.sizes",
                    "steps": [{"id": "way", "route": [{"when": "$item > 10", "steps": [step("large")]}]}],
                },
                step("join", inputs={"all": "$steps.each"}),
            ]
        }
    )

    assert unrolled(workflow, inputs={"sizes": [5, 50, 500]}).by_id["join"].inputs["all"] == Gather(
        gather=(StepRef(step="large[1]"), StepRef(step="large[2]"))
    )


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ({}, 'Key not found in map : "label"'),
        ({"label": 3}, None),
        ("text", "no such key"),
    ],
)
def test_a_condition_without_a_value_is_refused_with_its_field(output, told):
    if told is None:
        assert unrolled(triage(), {"classify": output}).skipped
        return
    with pytest.raises(InvalidTask) as refused:
        unrolled(triage(), {"classify": output})

    assert refused.value.field == "workflow.steps.answer.route.0.when"
    assert "has no value" in refused.value.message


def test_a_condition_that_is_neither_true_nor_false_is_refused():
    workflow = Workflow.model_validate(
        {"steps": [step("a"), {"id": "way", "route": [{"when": "$steps.a", "steps": [step("b")]}]}]}
    )

    with pytest.raises(InvalidTask, match="neither true nor false"):
        unrolled(workflow, {"a": 3})
