"""Staged outputs that finish while a plan is made: how long planning takes does not decide whether they get out."""

import pytest
from declared import Declared, a_task, step

from reconciler.simulation import Restart
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus

GONE, FAILS, FILED, QUICK, BROKEN, SLOW, EARLY = 1, 2, 3, 4, 5, 6, 7
# Everything begins once the first plan is there, also where its steps are guessed.
SECONDS = {None: 1.0, GONE: 0.1, EARLY: 0.1, FAILS: 0.2, FILED: 0.3, QUICK: 0.4, BROKEN: 0.4, SLOW: 50.0}
MODES = pytest.mark.parametrize("mode", ["wait", "forerun"])
# A plan that is there before anything else happens, and plans that take longer.
PLANS = pytest.mark.parametrize("plan_s", [0.05, 0.5, 0.9])


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def ended(_capability, inputs, _number):
    n = inputs.get("n")
    return Failure(kind=FailureKind.BAD_INPUT, message=f"{n} is bad") if n in (GONE, FAILS, BROKEN) else n


def seconds(_capability, inputs, _number):
    return SECONDS[inputs.get("n")]


def played(*steps, plan_s, mode="wait", **more):
    task = a_task([step("begin"), *steps], mode=mode)
    return Declared(task, output=ended, seconds=seconds, plan_s=plan_s, most_events=5_000, **more).play()


def work(name, n, capability="do", **more):
    return step(name, capability, inputs={"n": n}, **more)


def using(name, *nodes, of=0):
    return {"id": name, "use": "other", "inputs": {"q": of}, "steps": list(nodes), "output": nodes[-1]["id"]}


def filing(**more):
    """An element that stages an output and goes on for long."""
    return using("element", work("file", FILED, "file"), work("slow", SLOW, after=["file"]), **more)


def first_of(*nodes):
    return {"id": "both", "parallel": list(nodes), "min_successful": 1, "after": ["begin"]}


def out(world):
    return {world.run.attempts[attempt].step.id for attempt in world.promoted}


GONE_STEP = work("gone", GONE, after=["begin"], on_failure="skip")
REPLACED = {**GONE_STEP, "on_failure": "default", "default": 9}


@PLANS
@MODES
def test_an_output_gets_out_that_was_there_before_a_quorum_went_on_without_its_element(plan_s, mode):
    world = played(REPLACED, first_of(filing(), work("quick", QUICK)), plan_s=plan_s, mode=mode)

    assert world.outputs["both"] == [QUICK]
    assert out(world) == {"file"}


@PLANS
@MODES
def test_an_output_gets_out_whose_element_is_dropped_while_a_failure_waits_for_a_plan(plan_s, mode):
    """The plan does without what has failed, so the task goes on."""
    failing = {**using("block", work("fails", FAILS), of="$steps.gone"), "after": ["begin"]}

    world = played(GONE_STEP, failing, first_of(filing(), work("quick", QUICK)), plan_s=plan_s, mode=mode)

    assert world.outputs == {"both": [QUICK]}
    assert out(world) == {"file"}


@PLANS
@MODES
def test_an_output_gets_out_that_was_there_before_the_task_failed(plan_s, mode):
    world = played(
        REPLACED, {**filing(), "after": ["begin"]}, work("broken", BROKEN, after=["begin"]), plan_s=plan_s, mode=mode
    )

    assert world.run.status is RunStatus.FAILED
    assert out(world) == {"file"}


@PLANS
@MODES
def test_an_output_does_not_get_out_that_came_after_the_failure_of_the_task(plan_s, mode):
    failing = {**using("block", work("fails", FAILS)), "after": ["begin"]}

    world = played(REPLACED, failing, first_of(filing(), work("quick", QUICK)), plan_s=plan_s, mode=mode)

    assert world.run.status is RunStatus.FAILED
    assert out(world) == set()


@PLANS
@MODES
def test_an_output_does_not_get_out_that_came_after_the_failure_of_its_element(plan_s, mode):
    """The failure waits for a plan that may do without what has failed. Another step follows the fan-out."""
    element = using("element", work("fails", FAILS), work("file", FILED, "file"), work("slow", SLOW, after=["file"]))
    both = {"id": "both", "parallel": [element, work("quick", QUICK)], "tolerated_failures": 1, "after": ["begin"]}

    world = played(GONE_STEP, both, work("then", EARLY, after=["both"]), plan_s=plan_s, mode=mode)

    assert world.outputs == {"then": EARLY}
    assert out(world) == set()


@PLANS
@MODES
def test_an_output_does_not_get_out_whose_block_the_plan_skips(plan_s, mode):
    world = played(GONE_STEP, first_of(filing(of="$steps.gone"), work("quick", QUICK)), plan_s=plan_s, mode=mode)

    assert world.outputs == {"both": [QUICK]}
    assert out(world) == set()


@PLANS
@MODES
def test_an_output_does_not_get_out_that_came_after_the_results_of_which_a_plan_tells(plan_s, mode):
    """That the loop has ended is not known before the plan is there; the fan-out is complete with its result."""
    loop = {"id": "loop", "loop": [work("turn", FILED)], "output": "turn", "max": 3, "until": "$steps.turn > 0"}
    some = {"id": "some", "parallel": [work("quick", EARLY), loop, work("file", QUICK, "file")]}

    world = played({**some, "min_successful": 2, "after": ["begin"]}, plan_s=plan_s, mode=mode)

    assert world.outputs["some"] == [EARLY, FILED]
    assert out(world) == set()


def test_a_restart_at_any_event_changes_nothing():
    failing = {**using("block", work("fails", FAILS), of="$steps.gone"), "after": ["begin"]}
    steps = [GONE_STEP, failing, first_of(filing(), work("quick", QUICK))]
    events = len(played(*steps, plan_s=0.5).simulation.events)

    for after in range(1, events + 1):
        assert out(played(*steps, plan_s=0.5, restarts=(Restart(after=after),))) == {"file"}, after


@PLANS
@MODES
def test_outputs_get_out_of_elements_that_end_without_a_result(plan_s, mode):
    """Their fan-out has failed, which the workflow tolerates; nothing in them was dropped."""
    file = step("file", "file", inputs={"n": FILED, "k": "$item"})
    nowhere = {"id": "way", "route": [{"when": "$steps.file > 9", "steps": [work("never", QUICK)]}]}
    each = {"id": "each", "for_each": [1, 2, 3], "steps": [file, nowhere], "output": "way", "after": ["begin"]}

    world = played({**each, "min_successful": 1, "on_failure": "skip"}, plan_s=plan_s, mode=mode)

    assert world.run.status is RunStatus.SUCCEEDED
    held = [one for one in world.run.steps if one.startswith("file") and one not in out(world)]
    assert [one for one in held if world.run.steps[one].status is StepStatus.FINISHED] == []
    assert "file[0]" in out(world)
