"""Each of several steps that join the same nodes goes on by its own policy."""

import acting_runs
import pytest
from acting_runs import FAILS, FAILS_TOO, work
from declared import Declared, a_task, step
from joining_runs import completion, experts, lasting, numbers, played, statuses

from reconciler.simulation import Restart
from reconciler.state.attempts import AttemptStatus
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import CompletionReason
from reconciler.state.step_state import StepStatus

ONE_MAY_FAIL = {"tolerated_failures": 1}


def joins(first, second, *more, **second_more):
    """Two steps that join the same look-ups."""
    both = {"steps": ["a", "b", "c"]}
    read = {"all": ["$steps.a", "$steps.b", "$steps.c"]}
    return [
        *experts()[:4],
        *more,
        step("one", "say", inputs=read, join=both | first),
        step("two", "say", inputs=read, join=both | second, **second_more),
    ]


@pytest.mark.parametrize("broken", [1, 20])  # a node that is joined, and a step that only such a node needs
@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_a_failure_that_all_joins_tolerate_is_tolerated(broken, mode):
    world = played(joins(ONE_MAY_FAIL, ONE_MAY_FAIL), numbers(broken), lasting(n3=4.0), mode=mode)

    found = [None, 2, 3] if broken == 1 else [1, None, 3]
    assert world.outputs == {"one": found, "two": found}, world.run.end
    assert [completion(world, f"join:{name}").results for name in ("one", "two")] == [2, 2]


def test_each_join_tolerates_what_it_says():
    strict = {"tolerated_failures": 0}

    failed = played(joins(ONE_MAY_FAIL, strict), numbers(1), lasting(n3=9.0))
    assert failed.run.status is RunStatus.FAILED
    assert failed.run.end.failure.message.startswith("step 'a' failed: 1 is bad")

    skipped = played(joins(ONE_MAY_FAIL, strict, on_failure="skip"), numbers(1), lasting(n3=4.0))
    assert skipped.outputs == {"one": [None, 2, 3]}
    assert completion(skipped, "join:two").reason is CompletionReason.FAILURE_TOLERANCE_EXCEEDED


def test_a_node_that_one_join_does_not_wait_for_goes_on_for_the_other():
    world = played(joins({"min_successful": 1}, ONE_MAY_FAIL), seconds=lasting(n3=4.0))

    assert world.outputs["one"][2] is None
    assert world.outputs["two"] == [1, 2, 3]
    assert statuses(world)["c"] is AttemptStatus.FINISHED


def test_a_node_that_fails_after_one_join_has_gone_on_counts_for_the_other():
    world = played(joins({"min_successful": 1}, ONE_MAY_FAIL), numbers(3), lasting(n3=4.0))

    assert world.outputs["two"] == [1, 2, None]


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_a_node_for_which_no_join_waits_any_more_is_stopped(mode):
    late = joins({"min_successful": 1}, {"min_successful": 2})

    world = played(late, seconds=lasting(n20=9.0, n3=2.0), mode=mode)

    assert world.outputs == {"one": [1, None, None], "two": [1, None, 3]}
    assert statuses(world)["prepare"] is AttemptStatus.FLUSHED
    assert world.run.steps["b"].status is StepStatus.SKIPPED
    assert world.run.at_s < 5.0


def test_a_straggler_is_given_up_when_all_joins_give_it_up():
    late = {"stragglers": {"factor": 2.0}}

    world = played(joins(late, late), seconds=lasting(n20=0.1, n2=0.4, n3=60.0))
    assert world.outputs == {"one": [1, 2, None], "two": [1, 2, None]}
    assert world.run.at_s < 9.0

    patient = played(joins(late, ONE_MAY_FAIL), seconds=lasting(n20=0.1, n2=0.4, n3=6.0))
    assert patient.outputs == {"one": [1, 2, None], "two": [1, 2, 3]}


def test_a_fan_out_that_is_shared_fails_for_both_joins():
    each = {"id": "each", "for_each": [4, 5], "steps": [step("look", inputs={"n": "$item"})], "tolerated_failures": 0}
    reads = {"all": ["$steps.a", "$steps.each"]}
    policy = {"steps": ["a", "each"], "tolerated_failures": 1}
    steps = [
        step("a", inputs={"n": 1}),
        each,
        step("one", "say", inputs=reads, join=policy),
        step("two", "say", inputs=reads, join=policy),
    ]

    assert played(steps).outputs == {"one": [1, [4, 5]], "two": [1, [4, 5]]}
    assert played(steps, numbers(5), lasting(n4=3.0)).outputs == {"one": [1, None], "two": [1, None]}


def test_joins_share_nodes_inside_the_elements_of_a_for_each_and_of_other_joins():
    inner = [
        step("x", inputs={"n": "$item"}),
        step("y", inputs={"n": 7}),
        step("one", "say", inputs={"all": ["$steps.x", "$steps.y"]}, join={"steps": ["x", "y"], **ONE_MAY_FAIL}),
        step("two", "say", inputs={"all": ["$steps.y", "$steps.x"]}, join={"steps": ["x", "y"], **ONE_MAY_FAIL}),
        step("z", inputs={"n": 8}),
        step(
            "last",
            "say",
            inputs={"all": ["$steps.one", "$steps.two", "$steps.z"]},
            join={"steps": ["one", "two", "z"], **ONE_MAY_FAIL},
        ),
    ]
    each = {"id": "each", "for_each": [1, 2], "steps": inner}

    world = played([each, step("end", "say", inputs={"all": "$steps.each"})], numbers(2, 8))

    assert world.outputs == {"end": [[[1, 7], [7, 1], None], [[None, 7], [7, None], None]]}, world.run.end


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_a_node_without_steps_ends_for_all_joins_at_once(mode):
    """The first join was complete before, and the next plan went on without the node: a join began again."""
    instead = {"steps": [work("instead", FAILS_TOO, on_failure="default", default=None)], "output": "instead"}
    tried = {"id": "tried", "try": [work("fails", FAILS)], "output": "fails", "fallback": instead, "default": "none"}
    both = {"join": {"steps": ["tried"], "tolerated_failures": 1}}
    file = step("one", "file", inputs={"all": "$steps.tried"}, **both)

    world = acting_runs.played([tried, file, step("two", inputs={"n": 1}, **both)], mode=mode)

    assert world.outputs == {"one": None, "two": 1}
    assert acting_runs.promoted(world) == ["one"]


@pytest.mark.parametrize("after", range(3, 14))
def test_a_restart_changes_nothing_for_joins_that_share_nodes(after):
    world = Declared(
        a_task(joins(ONE_MAY_FAIL, {"min_successful": 1}), mode="wait"),
        output=numbers(20),
        seconds=lasting(n3=3.0),
        plan_s=0.1,
        restarts=(Restart(after=after),),
    ).play()

    assert world.outputs["one"] == [1, None, 3]
    assert world.run.status is RunStatus.SUCCEEDED
