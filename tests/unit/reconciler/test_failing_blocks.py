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


def slow(capability, inputs, _number):
    return 0.1 if inputs.get("n") in (0, 5) else 2.0


def a_late_failure(block):
    """A block whose output is there long before another step of it fails."""
    steps = [step("out", inputs={"n": 5}), step("late", inputs={"n": 66})]
    turn = [*steps, step("then", inputs={"n": "$steps.late"})]
    return {
        "try": {"id": "block", "try": steps, "output": "out", "fallback": [step("other", inputs={"n": -1})]},
        "loop": {"id": "block", "loop": turn, "output": "out", "max": 1, "on_failure": "default", "default": -1},
        "route": {
            "id": "block",
            "route": [{"when": "true", "steps": steps, "output": "out"}],
            "on_failure": "default",
            "default": -1,
        },
        "nested": {
            "id": "block",
            "route": [{"when": "true", "steps": [{**a_late_failure("try"), "id": "inner"}], "output": "inner"}],
        }
        if block == "nested"
        else None,
        "literal": {
            "id": "block",
            "try": [
                *steps,
                {"id": "way", "route": [{"when": "false", "steps": [step("no")]}], "default": 5},
            ],
            "output": "way",
            "fallback": [step("other", inputs={"n": -1})],
        },
        "for_each": {
            "id": "block",
            "for_each": [0],
            "steps": steps,
            "output": "out",
            "on_failure": "default",
            "default": [-1],
        },
        "tolerant": {
            "id": "block",
            "for_each": [5, 66],
            "steps": [step("out", inputs={"n": "$item"})],
            "tolerated_failures": 1,
        },
    }[block]


LATE = pytest.mark.parametrize("block", ["try", "loop", "route", "nested", "literal"])
MODES = pytest.mark.parametrize("mode", ["wait", "forerun"])


def acted(world):
    """What irreversible steps have been done with, in order."""
    orders = [order for order in world.orders.values() if order.agent == "acter"]
    return [{name: world.value(source) for name, source in order.inputs.items()} for order in orders]


@LATE
@MODES
def test_an_act_on_the_output_of_a_block_waits_until_no_step_of_the_block_can_fail(block, mode):
    steps = [a_late_failure(block), step("pay", "act", inputs={"n": "$steps.block"})]

    world = played(steps, 66, mode=mode, seconds=slow)

    assert world.run.status is RunStatus.SUCCEEDED
    assert acted(world) == [{"n": -1}]
    assert world.outputs == {"pay": -1}


@LATE
@MODES
def test_an_act_on_a_block_that_does_not_fail_is_done_once(block, mode):
    world = played([a_late_failure(block), step("pay", "act", inputs={"n": "$steps.block"})], mode=mode, seconds=slow)

    assert world.run.status is RunStatus.SUCCEEDED
    assert acted(world) == [{"n": 5}]


@LATE
@MODES
def test_a_condition_on_a_block_waits_until_no_step_of_the_block_can_fail(block, mode):
    way = [
        {"when": "$steps.block == 5", "steps": [step("five", "act", inputs={"n": 55})]},
        {"when": "$steps.block == -1", "steps": [step("none", "act", inputs={"n": 11})]},
    ]

    world = played([a_late_failure(block), {"id": "way", "route": way}], 66, mode=mode, seconds=slow)

    assert acted(world) == [{"n": 11}]
    assert world.outputs == {"way": 11}


@pytest.mark.parametrize(("block", "left"), [("for_each", [-1]), ("tolerant", [5])])
@MODES
def test_work_on_the_elements_of_a_block_waits_until_none_of_them_can_fail(block, left, mode):
    pays = {"id": "pays", "for_each": "$steps.block", "steps": [step("pay", "act", inputs={"n": "$item"})]}
    first = step("first", "act", inputs={"n": "$steps.block.0", "is": "first"})

    world = played([a_late_failure(block), pays, first], 66, mode=mode, seconds=slow)

    assert world.run.status is RunStatus.SUCCEEDED
    assert [one["n"] for one in acted(world)] == [*left, left[0]]


@MODES
def test_a_reader_of_a_block_without_an_output_is_not_skipped_while_the_block_can_fail(mode):
    without = {"id": "way", "route": [{"when": "false", "steps": [step("no")]}]}
    block = {
        "id": "block",
        "try": [step("late", inputs={"n": 66}), without],
        "output": "way",
        "fallback": [step("other", inputs={"n": -1})],
    }
    steps = [block, step("read", inputs={"n": "$steps.block"})]

    assert played(steps, 66, mode=mode, seconds=slow).outputs == {"read": -1}
    assert played(steps, mode=mode, seconds=slow).run.steps["read"].status is StepStatus.SKIPPED


def test_a_guess_that_fails_ahead_of_a_block_fails_nothing_if_the_block_does():
    def output(capability, inputs, number):
        failure = Failure(kind=FailureKind.BAD_INPUT, message="too early")
        return failure if inputs == {"n": 5, "early": True} else echoed(66)(capability, inputs, number)

    def seconds(_capability, inputs, _number):
        return 5.0 if inputs == {"n": 66} else 0.1

    steps = [a_late_failure("try"), step("read", inputs={"n": "$steps.block", "early": True})]
    guessing = {"imagined": {"late": 1}, "plan_s": 3.0}

    world = Declared(a_task(steps), output=output, seconds=seconds, most_events=5_000, **guessing).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"read": -1}


@MODES
def test_a_block_without_steps_that_cannot_succeed_fails_what_is_around_it(mode):
    few = {"id": "few", "for_each": [], "steps": [step("one", inputs={"n": 1})], "output": "one", "min_successful": 1}
    block = {"id": "block", "try": [few], "output": "few", "fallback": [step("other", inputs={"n": 3})]}
    inside = [step("apart", inputs={"n": 4}), step("read", inputs={"n": "$inputs.used/q", "m": "$steps.apart"})]
    used = {"id": "used", "use": "other", "inputs": {"q": "$steps.block"}, "steps": inside, "output": "read"}

    world = played([block, used], mode=mode)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"used": 3}
