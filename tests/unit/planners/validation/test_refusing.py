"""How refusals are told, and that sound tasks are let pass."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tasks_to_refuse import CATALOG, CLUSTER, loop, refused, step, task

from planners.expansion import flatten
from planners.tasks import Task
from planners.validation import check, explain, flaws


def test_all_flaws_of_a_stage_are_found():
    found = list(flaws(task(step("a", "x"), step("b", agent="y"), step("c", "big")), CATALOG, CLUSTER))

    assert [flaw.field.split(".")[2] for flaw in found] == ["a", "b", "c"]


def test_a_refusal_pickles():
    error = refused(task(step("a", "x")))

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert (again.message, again.field, again.fix) == (error.message, error.field, error.fix)


@pytest.mark.parametrize(
    ("document", "field", "fix"),
    [
        ({"gaol": "x"}, "gaol", "goal"),
        ({"goal": "x", "limits": {"deadline": 3}}, "limits.deadline", "deadline_s"),
        ({"workflow": {"steps": []}}, "workflow.steps", "at least 1"),
        (
            {"workflow": {"steps": [loop("e", [1], step("a", capbility="x"))]}},
            "workflow.steps.0.steps.0.capbility",
            "capability",
        ),
        ({"workflow": {"steps": [{"id": "g", "goal": "x", "imputs": {}}]}}, "workflow.steps.0.imputs", "inputs"),
        ({"goal": "x", "planning": {"mode": "oracle"}}, "planning", "give both or neither"),
        ({"goal": "x", "planning": {"mode": "guess"}}, "planning.mode", "forerun"),
        ({"goal": "x", "objective": {"latency_weight": 0}}, "objective", "give one a weight"),
        ({"goal": "x", "limits": {"deadline_s": float("nan")}}, "limits.deadline_s", "finite"),
        ({"goal": "x", "limits": {"deadline_s": float("inf")}}, "limits.deadline_s", "finite"),
        ({"goal": "x", "limits": {"budget_usd": float("inf")}}, "limits.budget_usd", "finite"),
        ({"goal": "x", "objective": {"usd_weight": float("inf")}}, "objective.usd_weight", "finite"),
    ],
)
def test_what_pydantic_says_is_told_in_our_words(document, field, fix):
    with pytest.raises(ValidationError) as caught:
        Task.model_validate(document)

    first = explain(caught.value)[0]

    assert first.field == field
    assert fix in f"{first.message} {first.fix}"


@st.composite
def sound_tasks(draw: st.DrawFn) -> Task:
    """Random DAGs of steps and blocks whose references all lead somewhere."""
    nodes: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 6))):
        known = [node["id"] for node in nodes]
        wanted = draw(st.lists(st.sampled_from(known), unique=True)) if known else []
        inputs = {f"p{i}": f"$steps.{ref}" for i, ref in enumerate(wanted)} | {"m": "$inputs.m.0.name"}
        if draw(st.booleans()):
            over = draw(st.sampled_from(["$inputs.m", [{"name": 1}], "$inputs.empty"]))
            inner = step(f"i{index}", inputs={**inputs, "n": "$item.name"})
            tail = step(f"t{index}", inputs={"x": f"$steps.i{index}.any", "all": ["$item", f"$steps.i{index}"]})
            nodes.append(loop(f"n{index}", over, inner, tail))
        else:
            nodes.append(step(f"n{index}", inputs=inputs, after=draw(st.sampled_from([[], wanted]))))
    order = draw(st.permutations(nodes))
    return task(
        *order, inputs={"m": [{"name": "a"}, {"name": "b"}], "empty": []}, outputs={"last": f"$steps.{nodes[-1]['id']}"}
    )


@given(sound_tasks())
def test_a_sound_task_passes_and_can_be_unrolled(given):
    check(given, CATALOG, CLUSTER)

    assert given.workflow is not None
    flat = flatten(given.workflow, given.inputs)
    assert not flat.pending
    assert set(flat.outputs) == {"last"}
