"""What undoes a step is checked like a step: some agent can do it, and what it reads is there."""

import pytest
from tasks_to_refuse import CATALOG, CLUSTER, loop, refused, step, task

from planners.expansion import flatten
from planners.facts import Facts, FinishedStep
from planners.steps import Step
from planners.tasks import Task
from planners.validation import check, explain, parse
from planners.workflow import FlatWorkflow


def undone(name, by="anything", **more):
    return step(name, inputs=more.pop("inputs", {}), compensate={"capability": by, **more})


def test_a_compensation_may_read_its_step_and_what_that_reads():
    check(
        task(
            step("open", "open", inputs={"path": "x"}),
            step("a", inputs={"p": "$steps.open"}, compensate={"capability": "open", "inputs": {"path": "$steps.a"}}),
            loop("each", "$inputs.xs", step("b", compensate={"capability": "anything", "inputs": {"x": "$item"}})),
            inputs={"xs": [1, 2]},
        ),
        CATALOG,
        CLUSTER,
    )


@pytest.mark.parametrize(
    ("node", "field", "message"),
    [
        (undone("a", "nothing"), "compensate.capability", "no agent offers 'nothing'"),
        (undone("a", "big"), "compensate.capability", "no node can run"),
        (undone("a", "open", inputs={}), "compensate.inputs", "no agent takes these inputs"),
        (step("a", compensate={"capability": "anything", "inputs": {"x": "$steps.z"}}), "compensate.inputs.x", "'z'"),
        (step("a", compensate={"capability": "anything", "inputs": {"x": "$inputs.q"}}), "compensate.inputs.x", "'q'"),
        (step("a", compensate={"capability": "anything", "inputs": {"x": "$item"}}), "compensate.inputs.x", "$item"),
    ],
)
def test_a_compensation_that_could_not_run_is_refused(node, field, message):
    error = refused(task(node, step("z", inputs={"y": "$steps.a"})))

    assert error.field == f"workflow.steps.a.{field}"
    assert message in error.message


def test_a_compensation_reads_no_part_that_its_step_does_not_return():
    opened = step("a", "open", inputs={"path": "x"})
    opened["compensate"] = {"capability": "anything", "inputs": {"x": "$steps.a.nothing"}}

    assert "has no 'nothing'" in refused(task(opened)).message


def test_ids_of_compensations_are_reserved():
    assert refused(task(step("undo:a"))).field == "workflow.steps.undo:a"


def test_only_steps_are_undone():
    with pytest.raises(Exception, match="compensate") as caught:
        parse({"workflow": {"steps": [{"id": "w", "wait": 3, "compensate": {"capability": "anything"}}]}})

    assert explain(caught.value)[0].field == "workflow.steps.0.compensate"


def test_a_flat_step_knows_its_own_compensation_in_its_document_too():
    given = Task.model_validate(
        {
            "workflow": {
                "steps": [
                    loop(
                        "each",
                        [5, 6],
                        step("b", compensate={"capability": "c", "inputs": {"x": "$item", "y": "$steps.b"}}),
                    )
                ]
            }
        }
    )

    flat = flatten(given.workflow, {})

    assert [one.compensate.inputs["x"].value for one in flat.steps] == [5, 6]
    assert [one.compensate.inputs["y"].step for one in flat.steps] == ["b[0]", "b[1]"]
    assert FlatWorkflow.model_validate_json(flat.model_dump_json()) == flat


def test_a_workflow_that_is_undone_holds_the_steps_that_undo_and_what_they_read():
    read = FinishedStep(step=Step(id="a", capability="x"), work_key="k")
    undo = Step(id="undo:a", capability="y", inputs={"of": "$steps.a"})

    flat = flatten(task(step("a"), step("b")).workflow, {}, {}, Facts(finished={"a": read}, undo=(undo,)))

    assert list(flat.by_id) == ["a", "undo:a"]
    assert flat.finished == {"a": "k"}
    assert not flat.outputs
