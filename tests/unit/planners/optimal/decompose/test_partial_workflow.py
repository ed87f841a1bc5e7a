"""Goals in workflows: the known part unrolls, the rest is pending."""

import pytest
from goals import ANSWER, GOAL, goal_task, steps

from planners.errors import DecomposeFailed
from planners.expansion import flatten
from planners.optimal.decompose.partial_workflow import PartialWorkflow
from planners.tasks import Task
from planners.workflow import Goal, Step, Workflow


def flat(workflow, inputs=None):
    return flatten(workflow.workflow(), inputs or {})


def test_a_goal_that_is_open_is_pending_and_so_is_what_reads_it():
    declared = Workflow(
        steps=(
            Goal(id="say", goal="x"),
            {"id": "after", "capability": "merge", "inputs": {"texts": ["$steps.say.text"]}},
            {"id": "aside", "capability": "fetch", "inputs": {"url": "u"}},
        )
    )
    workflow = PartialWorkflow(Task(workflow=declared))
    workflow.confirm("say", steps()[0])

    known = flat(workflow)

    assert [step.id for step in known.steps] == ["say/fetch", "aside"]
    assert [node.id for node in known.pending] == ["say", "after"]


def test_a_goal_in_a_for_each_is_decomposed_once_and_unrolled_for_each_element():
    declared = Workflow(
        steps=(
            {
                "id": "each",
                "for_each": "$inputs.pictures",
                "steps": [{"id": "say", "goal": "caption it", "inputs": {"picture": "$item"}}],
            },
            {"id": "all", "capability": "merge", "inputs": {"texts": "$steps.each"}},
        )
    )
    inputs = {"pictures": ["a", "b"]}
    workflow = PartialWorkflow(Task(workflow=declared, inputs=inputs))
    assert workflow.text("say").later == ("picture",)
    for step in steps([{**ANSWER[1], "inputs": {"image": "$inputs.picture"}}], later=["picture"]):
        workflow.confirm("say", step)
    workflow.close("say")

    known = flat(workflow, inputs)

    assert [step.id for step in known.steps] == ["say/caption[0]", "say/caption[1]", "all"]
    assert known.by_id["say/caption[1]"].inputs["image"].path == (1,)
    assert known.by_id["all"].data_parents == ("say/caption[0]", "say/caption[1]")


def test_what_follows_a_goal_waits_for_all_its_ends():
    declared = Workflow(steps=(Goal(id="g", goal="x"), {"id": "z", "capability": "mail", "after": ["g"]}))
    workflow = PartialWorkflow(Task(workflow=declared))
    for step in steps([ANSWER[0], {**ANSWER[0], "id": "s9", "inputs": {"url": "other"}}]):
        workflow.confirm("g", step)
    workflow.close("g")

    assert flat(workflow).by_id["z"].after == ("g/fetch", "g/fetch-2")


def test_the_outputs_of_a_plain_goal_are_those_of_the_steps_that_no_step_reads():
    workflow = PartialWorkflow(goal_task(GOAL))
    for step in steps():
        workflow.confirm("goal", step)
    workflow.close("goal")

    assert list(flat(workflow).outputs) == ["translate"]
    assert workflow.complete


def test_a_goal_without_any_step_fails():
    with pytest.raises(DecomposeFailed, match="no step"):
        PartialWorkflow(goal_task()).close("goal")


def test_a_capability_may_be_called_goal():
    workflow = PartialWorkflow(goal_task(GOAL))
    for step in (Step(id="goal", capability="goal"), Step(id="b", capability="b", inputs={"x": "$steps.goal"})):
        workflow.confirm("goal", step)
    workflow.close("goal")

    assert [step.data_parents for step in workflow.workflow().steps] == [(), ("goal",)]
    assert list(flat(workflow).by_id) == ["goal", "b"]
