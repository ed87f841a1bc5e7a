"""Steps with the same work, such as several samples of one prompt, remain the steps that they are."""

import pytest
from declared import Declared, a_task, step

from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState

MODES = pytest.mark.parametrize("mode", ["wait", "forerun"])


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def numbered(_capability, _inputs, number):
    """The number of the dispatch: each attempt returns something else."""
    return number


def samples(count, **policy):
    """The same work for each element of a list."""
    return {"id": "samples", "for_each": list(range(count)), "steps": [step("ask", inputs={"n": 1})], **policy}


def at_a_time(*seconds):
    return lambda _capability, _inputs, number: seconds[number - 1]


@MODES
def test_samples_that_are_there_are_not_taken_again_when_others_are_dropped(mode):
    seconds = at_a_time(9.0, 0.6, 9.0, 0.7)

    world = Declared(a_task([samples(4, min_successful=2)], mode=mode), output=numbered, seconds=seconds).play()

    assert world.outputs == {"samples": [2, 4]}
    assert world.done == ["ask[0]", "ask[1]", "ask[2]", "ask[3]"]


@MODES
def test_a_step_behind_a_sample_reads_that_sample(mode):
    steps = [step("ask", inputs={"n": 1}), step("tell", "say", inputs={"n": "$steps.ask"})]
    block = {**samples(3, min_successful=2), "steps": steps}

    def output(capability, inputs, number):
        return inputs["n"] if capability == "say" else number

    def seconds(capability, _inputs, number):
        return 9.0 if (capability, number) == ("do", 1) else 0.5

    world = Declared(a_task([block], mode=mode), output=output, seconds=seconds).play()

    assert world.outputs == {"samples": [2, 3]}
    assert sorted(world.done) == ["ask[0]", "ask[1]", "ask[2]", "tell[1]", "tell[2]"]


@MODES
def test_a_quorum_stands_when_a_plan_comes_that_was_asked_for_before(mode):
    way = {"id": "way", "route": [{"when": "$steps.first == 1", "steps": [step("then", inputs={"n": 2})]}]}
    steps = [step("first", inputs={"n": 0}), way, samples(3, min_successful=1)]
    seconds = at_a_time(0.6, 0.7, 0.8, 0.9, 1.0)

    world = Declared(a_task(steps, mode=mode), output=numbered, seconds=seconds, plan_s=0.5).play()

    assert world.outputs["samples"] == [2]


@MODES
def test_a_fallback_with_the_same_work_is_tried(mode):
    block = {
        "id": "answer",
        "try": [step("ask", inputs={"n": 1})],
        "fallback": [step("again", inputs={"n": 1})],
    }

    def output(_capability, _inputs, number):
        return Failure(kind=FailureKind.BAD_INPUT, message="not now") if number == 1 else number

    world = Declared(a_task([block], mode=mode), output=output).play()

    assert world.run.status is RunStatus.SUCCEEDED, world.run.end.failure
    assert world.run.steps["again"].attempt is not None
    assert world.outputs["answer"] > 1


@MODES
def test_a_fallback_with_the_same_work_has_tries_of_its_own(mode):
    block = {
        "id": "answer",
        "try": [step("ask", inputs={"n": 1})],
        "fallback": [step("again", inputs={"n": 1})],
    }

    def output(_capability, _inputs, number):
        return Failure(kind=FailureKind.ERROR, message="not now") if number <= 3 else number

    world = Declared(a_task([block], mode=mode), output=output).play()

    assert world.outputs == {"answer": 4}


@MODES
def test_a_failure_that_waits_for_a_plan_stays_with_its_step(mode):
    """The plan holds another turn of the loop, with the same work, before the step that has failed."""
    loop = {"id": "loop", "loop": [step("ask", inputs={"n": 1})], "output": "ask", "max": 2, "until": "$steps.ask > 90"}
    steps = [step("begin"), {**loop, "after": ["begin"]}, step("last", inputs={"n": 1}, after=["begin"])]
    steps[-1] |= {"on_failure": "skip"}

    def output(_capability, _inputs, number):
        return Failure(kind=FailureKind.BAD_INPUT, message="bad") if number == 3 else number

    world = Declared(
        a_task(steps, mode=mode), output=output, seconds=at_a_time(1.0, 0.5, 0.6, 0.7, 0.7), plan_s=0.3
    ).play()

    assert world.done == ["begin", "ask[0]", "last", "ask[1]"]
    assert world.outputs == {"loop": 4}
