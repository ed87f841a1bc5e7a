"""Elements of a fan-out that take far longer than the others are given up, and named among what is missing."""

import pytest
from declared import Declared, a_task, step

from reconciler.simulation import Restart
from reconciler.state.attempts import AttemptStatus
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import CompletionReason
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def fan(count, **policy):
    work = [step("work", inputs={"n": "$item"})]
    return [
        {"id": "each", "for_each": list(range(count)), "steps": work, **policy},
        step("end", "say", inputs={"all": "$steps.each"}),
    ]


def played(steps, seconds, broken=(), mode="wait", **more):
    def output(_capability, inputs, _number):
        if inputs.get("n") in broken:
            return Failure(kind=FailureKind.BAD_INPUT, message=f"{inputs['n']} is bad")
        return inputs.get("all", inputs.get("n"))

    def lasts(_capability, inputs, _number):
        return seconds.get(inputs.get("n"), 1.0)

    return Declared(a_task(steps, mode=mode), output=output, seconds=lasts, plan_s=0.05, **more).play()


def completion(world, name="each"):
    return world.run.facts.completions[name]


def ended_s(world):
    return max(one.ended_s for one in world.run.attempts.values())


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_one_of_eight_that_is_five_times_slower_costs_at_most_a_tenth(mode):
    steps = fan(8, stragglers={"factor": 1.1})
    plain, slowed = played(steps, {}, mode=mode), played(steps, {5: 5.0}, mode=mode)

    assert slowed.outputs == {"end": [0, 1, 2, 3, 4, 6, 7]}
    assert ended_s(slowed) <= 1.1 * ended_s(plain)
    found = completion(slowed)
    assert (found.reason, found.succeeded, found.results) == (CompletionReason.TIMED_OUT, True, 7)
    assert found.missing == {5: "it took longer than 1.1 times the median of 1 s"}
    (given_up,) = [one for one in slowed.run.attempts.values() if one.status is AttemptStatus.FLUSHED]
    assert given_up.step.id == "work[5]"


def test_nothing_is_late_before_enough_elements_have_succeeded():
    world = played(fan(4, stragglers={"factor": 1.2, "once": "75%"}), {0: 0.1, 1: 2.9, 2: 3.0, 3: 3.3})

    assert world.outputs == {"end": [0, 1, 2, 3]}
    assert completion(world).reason is CompletionReason.ALL_COMPLETED


def test_two_elements_have_no_stragglers():
    assert played(fan(2, stragglers={"factor": 1.2, "once": 1}), {1: 60.0}).outputs == {"end": [0, 1]}


def test_each_element_is_measured_from_its_own_start():
    world = played(fan(6, stragglers={"factor": 1.5}, max_concurrency=2), {4: 1.2, 5: 9.0})

    assert world.outputs == {"end": [0, 1, 2, 3, 4]}


def test_failures_that_are_tolerated_bound_how_many_are_given_up():
    policy = {"stragglers": {"factor": 1.2}, "tolerated_failures": 2}
    world = played(fan(8, **policy), {1: 60.0, 2: 9.0, 3: 0.2}, broken=(3,))

    assert world.outputs == {"end": [0, 2, 4, 5, 6, 7]}
    assert list(completion(world).missing) == [1, 3]
    assert 9.0 < completion(world).at_s < 10.0


def test_a_step_that_joins_others_goes_on_without_the_slow_one():
    names = ["a", "b", "c", "d"]
    steps = [step(name, inputs={"n": number}) for number, name in enumerate(names)]
    inputs = {"all": [f"$steps.{name}" for name in names]}
    merge = step("merge", "say", inputs=inputs, join={"steps": names, "stragglers": {"factor": 2}})
    world = played([*steps, merge], {1: 60.0})

    assert world.outputs == {"merge": [0, None, 2, 3]}
    assert completion(world, "join:merge").missing == {1: "'b': it took longer than 2 times the median of 1 s"}


def test_an_element_in_which_an_act_runs_is_not_given_up():
    steps = fan(4, stragglers={"factor": 1.2})
    steps[0]["steps"] = [step("work", "act", inputs={"n": "$item"})]

    assert played(steps, {2: 9.0}).outputs == {"end": [0, 1, 2, 3]}


@pytest.mark.parametrize("after", range(4, 20, 3))
def test_work_that_a_restart_has_lost_is_measured_from_its_new_start(after):
    world = played(fan(4, stragglers={"factor": 1.5}), {0: 0.9, 2: 1.3, 3: 1.3}, restarts=(Restart(after=after),))

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"end": [0, 1, 2, 3]}
