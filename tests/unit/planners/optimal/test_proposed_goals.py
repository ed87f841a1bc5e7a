"""Goals that steps have proposed: each is decomposed once, also by another process."""

from goals import ANSWER, GOAL, request, steps
from planner_pipelines import all_plans, pipeline

from planners.facts import Facts
from planners.optimal.decompose import StubDecomposer
from planners.plans import Plan
from planners.proposals import Proposal
from planners.tasks import Task
from planners.workflow import Goal, Workflow


def proposing_task():
    """A task whose step ``load`` has proposed a goal, which ``all`` reads."""
    load = {"id": "load", "capability": "fetch", "inputs": {"url": "u"}}
    merge = {"id": "all", "capability": "merge", "inputs": {"texts": ["$steps.load.caption"]}}
    goal = Goal(id="goal", goal="caption it", inputs={"picture": "$inputs.output"})
    return Task(workflow=Workflow(steps=(load, merge))), Facts(proposals={"load": Proposal(steps=(goal,))})


async def test_a_goal_that_a_step_has_proposed_is_decomposed_once_and_its_steps_follow_the_step():
    inner = steps([{**ANSWER[1], "inputs": {"image": "$inputs.picture"}}], later=["picture"])
    planner = pipeline(decomposer := StubDecomposer({"caption it": inner}))
    task, facts = proposing_task()

    first = (await all_plans(planner, request(task, epoch=2, facts=facts)))[-1]
    (second,) = await all_plans(planner, request(task, epoch=3, facts=facts))

    assert [planned.id for planned in first.steps] == ["load", "load/goal/caption", "all"]
    assert first.by_id["load/goal/caption"].step.parents == ("load",)
    assert first.by_id["all"].step.data_parents == ("load/goal/caption",)
    assert len(decomposer.asked) == 1
    assert [planned.step for planned in second.steps] == [planned.step for planned in first.steps]


async def test_a_step_of_a_goal_may_propose_a_goal_and_only_the_new_one_is_decomposed():
    shout = steps([{**ANSWER[2], "inputs": {"text": "$inputs.output", "to": "French"}}], later=["output"])
    decomposer = StubDecomposer({GOAL: steps(), "say it": shout})
    planner = pipeline(decomposer)
    first = (await all_plans(planner, request()))[-1]
    goal = Goal(id="goal", goal="say it", inputs={"output": "$inputs.output"})
    facts = Facts(proposals={first.steps[1].id: Proposal(steps=(goal,))})

    second = (await all_plans(planner, request(epoch=2, facts=facts, hint=first)))[-1]
    third = (await all_plans(planner, request(epoch=3, facts=facts, hint=second)))[-1]

    proposed = f"{first.steps[1].id}/goal/translate"
    assert [asked.text for asked in decomposer.asked] == [GOAL, "say it"]
    assert [planned.id for planned in second.steps if planned.id not in first.by_id] == [proposed]
    assert second.by_id[first.steps[2].id].step.data_parents == (proposed,)
    assert [planned.step for planned in third.steps] == [planned.step for planned in second.steps]


async def test_another_process_decomposes_no_goal_that_a_plan_has_told_of():
    inner = steps([{**ANSWER[1], "inputs": {"image": "$inputs.picture"}}], later=["picture"])
    answers = {GOAL: steps(), "caption it": inner}
    task, facts = proposing_task()
    proposed = (await all_plans(pipeline(StubDecomposer(answers)), request(task, epoch=2, facts=facts)))[-1]
    whole = (await all_plans(pipeline(StubDecomposer(answers)), request()))[-1]
    stored = Plan.model_validate_json(proposed.model_dump_json())
    later = {"facts": facts.model_copy(update={"decompositions": stored.decompositions})}
    other = Facts(proposals={"load": facts.proposals["load"].model_copy(update={"inputs": {"more": 1}})})

    (again,) = await all_plans(pipeline(asked := StubDecomposer({})), request(task, epoch=3, **later))
    (goal_again,) = await all_plans(pipeline(asked), request(epoch=2, facts=Facts(decompositions=whole.decompositions)))

    assert asked.asked == []
    assert [planned.step for planned in again.steps] == [planned.step for planned in proposed.steps]
    assert again.decompositions == ()
    assert [planned.step for planned in goal_again.steps] == [planned.step for planned in whole.steps]
    changed = other.model_copy(update={"decompositions": stored.decompositions})
    assert len(await all_plans(pipeline(StubDecomposer(answers)), request(task, epoch=3, facts=changed))) >= 1
