"""Documents of earlier versions load: they wrap literals as ``{"value": ...}``, and plans say what blocks need."""

import json

from hypothesis import given
from hypothesis import strategies as st

from planners.bindings import Gather, InputRef, ItemRef, StepRef, Value
from planners.plans import Plan
from planners.tasks import Task
from planners.workflow import FlatWorkflow, Step

NESTED = {
    "id": "each",
    "for_each": {"value": [1, 2]},
    "steps": [{"id": "in", "capability": "c", "inputs": {"g": {"gather": [{"value": 1}, {"item": []}]}}}],
}
STEP = {"id": "s", "capability": "c", "inputs": {"x": {"value": {"unit": "eV"}}, "y": {"value": "$5"}}}


def test_a_stored_task_loads():
    workflow = {"steps": [STEP, NESTED], "outputs": {"o": {"value": 3}}}
    task = Task.model_validate_json(json.dumps({"v": 1, "workflow": workflow}))

    step, block = task.workflow.steps
    assert step.inputs == {"x": Value(value={"unit": "eV"}), "y": Value(value="$5")}
    assert block.for_each == Value(value=[1, 2])
    assert block.steps[0].inputs["g"] == Gather(gather=(Value(value=1), ItemRef()))
    assert task.workflow.outputs == {"o": Value(value=3)}


def test_a_stored_plan_loads():
    planned = {"step": STEP, "placement": {"agent": "a", "node": "n"}, "work_key": "k"}
    blocks = [{"reads": ["s"], "steps": ["t"]}]
    stored = {"v": 1, "kind": "optimal", "steps": [planned], "blocks": blocks, "outputs": {"o": {"value": 3}}}

    task = {"v": 1, "goal": "g", "planning": {"mode": "oracle", "plan": stored}}

    for loaded in (
        Plan.model_validate_json(json.dumps(stored)),
        Task.model_validate_json(json.dumps(task)).planning.plan,
    ):
        assert loaded.steps[0].step.inputs["x"] == Value(value={"unit": "eV"})
        assert loaded.outputs == {"o": Value(value=3)}


def test_a_stored_flat_workflow_loads():
    loaded = FlatWorkflow.model_validate_json(json.dumps({"v": 1, "steps": [STEP]}))

    assert loaded.steps[0].inputs["x"] == Value(value={"unit": "eV"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["$item", "$steps.a", "$5"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "step", "input", "item", "gather", "path", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)
BINDINGS = st.recursive(
    JSON.map(lambda value: Value(value=value))
    | st.sampled_from([InputRef(input="i"), StepRef(step="b", path=(0, "x"))]),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: Gather(gather=tuple(parts))),
    max_leaves=5,
)


@given(BINDINGS)
def test_every_binding_is_read_back_as_it_was_written(binding):
    step = Step(id="s", capability="c", inputs={"x": binding})
    task = Task.model_validate({"workflow": {"steps": [step]}})

    assert Step.model_validate_json(step.model_dump_json()) == step
    assert Task.model_validate_json(task.model_dump_json()) == task
    assert Task.model_validate_json(task.model_dump_json(exclude_unset=True)) == task
