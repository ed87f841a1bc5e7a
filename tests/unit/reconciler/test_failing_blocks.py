"""What the failure of a step means for the route, loop, workflow or `try` that it is in."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.definitions import NamedWorkflow
from planners.linking import linked
from reconciler.simulation import Restart
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus

REPLY = NamedWorkflow.model_validate(
    {
        "name": "reply",
        "inputs": {"n": "integer"},
        "steps": [step("draft", inputs={"n": "$inputs.n"}), step("polish", inputs={"n": "$steps.draft"})],
    }
)
USING = CATALOG.model_copy(update={"workflows": (REPLY,)})


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def echoed(*bad):
    """Agents return the input ``n``; those whose ``n`` is bad fail for good."""

    def output(_capability, inputs, _number):
        n = inputs.get("n", inputs)
        return Failure(kind=FailureKind.BAD_INPUT, message=f"{n} is bad") if n in bad else n

    return output


def played(steps, *bad, mode="wait", **more):
    return Declared(a_task(steps, mode=mode), output=echoed(*bad), most_events=5_000, **more).play()


def a_route(**more):
    cases = [{"when": "true", "steps": [step("a", inputs={"n": 1}), step("b", inputs={"n": "$steps.a"})]}]
    return {"id": "block", "route": cases, **more}


def a_loop(**more):
    turn = [step("a", inputs={"n": "$state.turn"}), step("b", inputs={"n": "$steps.a"})]
    return {"id": "block", "loop": turn, "max": 3, **more}


def a_use(**more):
    return {"id": "block", "use": "reply", "inputs": {"n": 1}, **more}


def played_with(block, *bad, **more):
    steps = [block, step("beside", inputs={"n": 7}), step("join", "say", inputs={"n": ["$steps.block", 0]})]
    task = linked(a_task(steps, outputs={"beside": "$steps.beside", "join": "$steps.join"}, mode="wait"), USING)
    return Declared(task, output=echoed(*bad), catalog=USING, most_events=5_000, **more).play()


BLOCKS = pytest.mark.parametrize("block", [a_route, a_loop, a_use])


@BLOCKS
def test_a_block_fails_the_task_unless_it_says_otherwise(block):
    world = played_with(block(), 1)

    assert world.run.status is RunStatus.FAILED
    assert "1 is bad" in world.run.end.failure.message


@BLOCKS
def test_a_block_whose_step_fails_is_skipped_where_it_says_so(block):
    world = played_with(block(on_failure="skip"), 1)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"beside": 7}
    assert world.run.steps["join"].status is StepStatus.SKIPPED
    assert "1 is bad" in world.run.steps["join"].cause


@BLOCKS
def test_a_default_stands_in_for_a_block_whose_step_fails(block):
    world = played_with(block(on_failure="default", default="none"), 1)

    assert world.outputs == {"beside": 7, "join": ["none", 0]}


@BLOCKS
def test_a_block_that_could_fail_and_does_not_gives_its_output(block):
    world = played_with(block(on_failure="skip"))

    assert world.outputs["join"] == [2 if block is a_loop else 1, 0]


@BLOCKS
def test_a_block_that_fails_spoils_nothing_but_its_element(block):
    many = {"id": "many", "for_each": [0, 1, 2], "steps": [block(on_failure="default", default=-1)], "output": "block"}
    if block is not a_loop:
        many["steps"][0] = {**many["steps"][0], "inputs": {"n": "$item"}} if block is a_use else a_route_of_item()
    task = linked(a_task([many], mode="wait"), USING)

    world = Declared(task, output=echoed(1), catalog=USING, most_events=5_000).play()

    assert world.outputs == {"many": [-1, -1, -1] if block is a_loop else [0, -1, 2]}


def a_route_of_item():
    cases = [{"when": "true", "steps": [step("a", inputs={"n": "$item"}), step("b", inputs={"n": "$steps.a"})]}]
    return {"id": "block", "route": cases, "on_failure": "default", "default": -1}


TRY = {
    "id": "answer",
    "try": [step("ask", inputs={"n": 1}), step("polish", inputs={"n": "$steps.ask"})],
    "fallback": [step("look", inputs={"n": 2}), step("write", inputs={"n": "$steps.look"})],
}
SEND = step("send", "say", inputs={"n": "$steps.answer"})


def test_a_fallback_does_not_run_if_the_first_steps_succeed():
    world = played([TRY, SEND])

    assert world.outputs == {"send": 1}
    assert world.done == ["ask", "polish", "send"]


@pytest.mark.parametrize("bad", [["1"], [1]])
@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_a_fallback_takes_the_place_of_steps_that_have_failed(mode, bad):
    world = played([TRY, SEND], *bad, mode=mode)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"send": 2 if bad == [1] else 1}
    if bad == [1]:
        assert world.run.steps["ask"].status is StepStatus.FAILED
        assert world.run.steps["polish"].status is StepStatus.SKIPPED


def test_a_fallback_that_fails_fails_the_task():
    world = played([TRY, SEND], 1, 2)

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.message == "step 'look' failed: 2 is bad"


def test_a_fallback_may_have_a_fallback_of_its_own():
    last = {"id": "last", "try": [step("ask-b", inputs={"n": 2})], "fallback": [step("ask-c", inputs={"n": 3})]}
    first = {"id": "answer", "try": [step("ask-a", inputs={"n": 1})], "fallback": [last]}

    assert played([first, SEND]).outputs == {"send": 1}
    assert played([first, SEND], 1).outputs == {"send": 2}
    assert played([first, SEND], 1, 2).outputs == {"send": 3}


def test_each_element_of_a_fan_out_falls_back_on_its_own():
    answer = {
        "id": "answer",
        "try": [step("ask", inputs={"n": "$item"})],
        "fallback": [step("look", inputs={"n": ["$item"]})],
    }

    world = played([{"id": "all", "for_each": [1, 2, 3], "steps": [answer]}], 2)

    assert world.outputs == {"all": [1, [2], 3]}


def test_a_try_may_stand_in_a_turn_of_a_loop():
    answer = {
        "id": "answer",
        "try": [step("ask", inputs={"n": "$state.turn"})],
        "fallback": [step("look", inputs={"n": ["$state.last"]})],
    }
    steps = [{"id": "turns", "loop": [answer], "state": {"last": 9}, "next": {"last": "$steps.answer"}, "max": 4}]

    assert played(steps, 1, 3).outputs == {"turns": [2]}


def test_a_task_recovered_at_any_event_falls_back_all_the_same():
    events = len(played([TRY, SEND], 1).simulation.events)

    for after in range(1, events + 1):
        world = played([TRY, SEND], 1, restarts=(Restart(after=after),))
        assert world.outputs == {"send": 2}, after
