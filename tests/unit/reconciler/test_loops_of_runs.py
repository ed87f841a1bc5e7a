"""Runs with loops: each turn is a new plan, and the state goes from turn to turn."""

import pytest
from declared import Declared, a_task, step

from reconciler.simulation import Restart
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState


def counting(until, **more):
    return [
        {
            "id": "count",
            "loop": [step("add", inputs={"n": "$state.n"})],
            "state": {"n": 0},
            "next": {"n": "$steps.add"},
            "until": until,
            "max": 5_000,
            **more,
        },
        step("tell", "say", inputs={"n": "$steps.count"}),
    ]


def one_more(capability, inputs, _number):
    return inputs["n"] + 1 if capability == "do" else inputs["n"]


def played(steps, mode="wait", **more):
    return Declared(a_task(steps, mode=mode), output=one_more, plan_s=0.1, **more).play()


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_a_loop_runs_until_its_condition_holds(mode, monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)

    world = played(counting("$steps.add >= 4"), mode)

    assert world.outputs == {"tell": 4}
    assert world.done.count("add[3]") == 1
    assert "add[4]" not in world.done


@pytest.mark.parametrize("after", range(2, 14, 3))
def test_a_loop_goes_on_after_a_restart_without_repeating_a_turn(after, monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)

    world = played(counting("$steps.add >= 4"), restarts=(Restart(after=after),))

    assert world.outputs == {"tell": 4}


def test_a_turn_that_fails_fails_the_loop():
    def output(_capability, inputs, _number):
        return Failure(kind=FailureKind.BAD_INPUT, message="too much") if inputs["n"] == 2 else inputs["n"] + 1

    world = Declared(a_task(counting("$steps.add >= 4"), mode="wait"), output=output).play()

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.message == "step 'add[2]' failed: too much"


def test_a_loop_ends_with_what_it_has_when_a_turn_is_skipped():
    def output(_capability, inputs, _number):
        return Failure(kind=FailureKind.BAD_INPUT, message="too much") if inputs["n"] == 2 else inputs["n"] + 1

    steps = counting("$steps.add >= 4", default=7)
    steps[0]["loop"][0]["on_failure"] = "skip"

    world = Declared(a_task(steps, mode="wait"), output=output).play()

    assert world.run.status is RunStatus.SUCCEEDED


def test_hundreds_of_turns_are_made():
    assert played(counting("$steps.add >= 200")).outputs == {"tell": 200}
