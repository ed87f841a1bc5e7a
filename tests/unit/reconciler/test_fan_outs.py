"""Fan-outs: when they are complete and why, what is missing, and what becomes of the rest."""

import pytest
from declared import Declared, a_task, step
from joining_runs import lasting, numbers

from reconciler.state.attempts import AttemptStatus
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import CompletionReason
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def fan(count, *, capability="do", **policy):
    return [
        {
            "id": "each",
            "for_each": list(range(count)),
            "steps": [step("work", capability, inputs={"n": "$item"})],
            **policy,
        },
        step("join", "say", inputs={"all": "$steps.each"}),
    ]


def played(steps, output=None, seconds=None, mode="wait", **more):
    return Declared(
        a_task(steps, mode=mode), output=output or numbers(), seconds=seconds or lasting(), plan_s=0.1, **more
    ).play()


def completion(world):
    return world.run.facts.completions["each"]


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_failures_that_are_tolerated_leave_the_rest_alone(mode):
    world = played(fan(5, tolerated_failures=2), numbers(1, 3), mode=mode)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"join": [0, 2, 4]}
    found = completion(world)
    assert (found.reason, found.succeeded, found.results, found.total) == (CompletionReason.ALL_COMPLETED, True, 3, 5)
    assert found.missing == {1: "step 'work[1]' failed: 1 is bad", 3: "step 'work[3]' failed: 3 is bad"}
    assert world.run.steps["work[1]"].status is StepStatus.FAILED


def test_one_failure_too_many_fails_the_task_with_the_first_one_as_its_cause():
    world = played(fan(5, tolerated_failures=1), numbers(1, 3), lasting(n4=9.0))

    assert world.run.status is RunStatus.FAILED
    assert completion(world).reason is CompletionReason.FAILURE_TOLERANCE_EXCEEDED
    assert world.run.end.failure.message == "step 'work[1]' failed: 1 is bad; 2 of 5 elements of 'each' failed"
    assert not world.run.attempts.live


def test_a_share_of_failures_can_be_tolerated():
    assert played(fan(10, tolerated_failures="20%"), numbers(1, 3)).run.status is RunStatus.SUCCEEDED
    assert played(fan(10, tolerated_failures="19%"), numbers(1, 3)).run.status is RunStatus.FAILED


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_enough_results_complete_a_fan_out_and_the_losers_are_flushed(mode):
    world = played(fan(4, min_successful=2), seconds=lasting(n0=5.0, n2=1.0, n1=0.4, n3=9.0), mode=mode)

    assert world.outputs == {"join": [1, 2]}
    assert completion(world).reason is CompletionReason.MIN_SUCCESSFUL_REACHED
    assert completion(world).missing == {0: "it was cancelled", 3: "it was cancelled"}
    assert world.run.at_s < 3.0
    statuses = {a.step.id: a.status for a in world.run.attempts.values()}
    assert statuses["work[0]"] is statuses["work[3]"] is AttemptStatus.FLUSHED
    assert world.run.steps["work[0]"].status is StepStatus.SKIPPED


def test_a_quorum_that_can_no_longer_be_reached_fails_at_once():
    world = played(fan(4, min_successful=3), numbers(0, 1), lasting(n2=50.0, n3=50.0))

    assert world.run.status is RunStatus.FAILED
    assert world.run.at_s < 5.0
    assert completion(world).reason is CompletionReason.FAILURE_TOLERANCE_EXCEEDED


def test_the_last_result_that_is_needed_and_the_last_one_of_all_is_all_completed():
    assert completion(played(fan(2, min_successful=2))).reason is CompletionReason.ALL_COMPLETED


def test_a_fan_out_goes_on_with_what_is_there_when_its_time_is_over():
    world = played(fan(3, timeout_s=2.0), seconds=lasting(n1=60.0))

    assert world.outputs == {"join": [0, 2]}
    assert completion(world).reason is CompletionReason.TIMED_OUT
    assert completion(world).succeeded
    assert world.run.at_s < 4.0


def test_a_fan_out_without_enough_results_in_time_fails():
    world = played(fan(3, timeout_s=2.0, min_successful=2), seconds=lasting(n1=60.0, n0=60.0))

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.message == "'each' had 1 of 3 results after 2 s"
    assert world.run.end.failure.kind is FailureKind.TIMEOUT


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_no_more_elements_run_at_once_than_may(mode):
    world = played(fan(10, max_concurrency=3), mode=mode)

    bars = [(a.dispatched_s, a.ended_s) for a in world.run.attempts.values() if a.step.capability == "do"]
    assert max(sum(start <= at < end for start, end in bars) for at, _ in bars) == 3
    assert world.outputs == {"join": list(range(10))}


def test_an_element_of_several_steps_keeps_its_slot_to_its_end():
    steps = [
        {
            "id": "each",
            "for_each": [0, 1, 2],
            "max_concurrency": 1,
            "steps": [step("first", inputs={"n": "$item"}), step("second", inputs={"n": "$steps.first"})],
        }
    ]

    world = played(steps)

    assert world.done == ["first[0]", "second[0]", "first[1]", "second[1]", "first[2]", "second[2]"]


def test_an_empty_list_is_complete_at_once():
    world = played(fan(0, tolerated_failures=1, max_concurrency=2))

    assert world.outputs == {"join": []}
    assert completion(world).reason is CompletionReason.ALL_COMPLETED


def test_a_fan_out_that_fails_can_be_skipped_or_have_a_default():
    skipped = played(fan(2, tolerated_failures=0, on_failure="skip"), numbers(1))
    assert skipped.run.status is RunStatus.SUCCEEDED
    assert skipped.outputs == {}

    replaced = played(fan(2, tolerated_failures=0, on_failure="default", default=[7]), numbers(1))
    assert replaced.outputs == {"join": [7]}


def test_a_fan_out_inside_an_element_fails_the_element_alone():
    inner = {
        "id": "inner",
        "for_each": "$item",
        "tolerated_failures": 0,
        "steps": [step("work", inputs={"n": "$item"})],
    }
    steps = [
        {"id": "each", "for_each": [[0, 1], [2, 3]], "tolerated_failures": 1, "steps": [inner]},
        step("join", "say", inputs={"all": "$steps.each"}),
    ]

    world = played(steps, numbers(1), lasting(n0=30.0))

    assert world.outputs == {"join": [[2, 3]]}
    assert world.run.at_s < 5.0
    assert world.run.facts.completions["inner[0]"].reason is CompletionReason.FAILURE_TOLERANCE_EXCEEDED


def test_an_act_that_runs_is_not_cut_short_and_its_result_is_not_used():
    world = played(fan(3, capability="act", min_successful=2), seconds=lasting(n1=4.0))

    assert world.outputs == {"join": [0, 2]}
    acts = [a for a in world.run.attempts.values() if a.step.capability == "act"]
    assert all(a.status is AttemptStatus.FINISHED for a in acts)
    assert world.run.status is RunStatus.SUCCEEDED


def test_nodes_side_by_side_are_elements_too():
    steps = [
        {
            "id": "each",
            "parallel": [step("slow", inputs={"n": 0}), step("bad", inputs={"n": 1}), step("good", inputs={"n": 2})],
            "tolerated_failures": 1,
        },
        step("join", "say", inputs={"all": "$steps.each"}),
    ]

    assert played(steps, numbers(1), lasting(n0=3.0)).outputs == {"join": [0, 2]}


def test_a_step_that_fails_is_skipped_where_the_workflow_says_so():
    steps = [
        step("a", inputs={"n": 1}, on_failure="skip"),
        step("b", inputs={"n": 2}),
        step("c", inputs={"n": "$steps.a"}),
        step("join", "say", inputs={"all": ["$steps.b"]}),
    ]

    world = played(steps, numbers(1))

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"join": [2]}
    assert world.run.steps["a"].status is StepStatus.FAILED
    assert world.run.steps["c"].status is StepStatus.SKIPPED
    assert world.run.steps["c"].cause == "step 'a' failed: 1 is bad"


def test_a_default_stands_in_for_the_output_of_a_step_that_failed():
    steps = [step("a", inputs={"n": 1}, on_failure="default", default=5), step("c", inputs={"n": "$steps.a"})]

    world = played(steps, numbers(1))

    assert world.outputs == {"c": 5}


def test_fan_outs_of_ten_thousand_elements_take_linear_time():
    steps = fan(10_000, max_concurrency=50, tolerated_failures="1%")
    world = Declared(a_task(steps, mode="wait"), output=numbers(5, 77), seconds=lasting(), most_events=100_000)
    RunState.validates = False

    world.play()

    assert len(world.outputs["join"]) == 9_998


def test_completions_survive_a_restart():
    from reconciler.simulation import Restart  # noqa: PLC0415

    for after in range(2, 16):
        world = played(
            fan(4, min_successful=2, timeout_s=30),
            numbers(1),
            lasting(n0=5.0, n2=1.0, n3=0.4),
            restarts=(Restart(after=after),),
        )
        assert world.outputs == {"join": [2, 3]}, after


@pytest.mark.parametrize("order", ["abc", "bac"])
def test_an_element_of_parallel_that_reads_one_that_failed_is_skipped(order):
    nodes = {
        "a": step("a", inputs={"n": 1}),
        "b": step("b", "say", inputs={"of": "$steps.a"}),
        "c": step("c", inputs={"n": 3}),
    }
    block = {"id": "all", "parallel": [nodes[name] for name in order], "tolerated_failures": 1}
    bad = Failure(kind=FailureKind.BAD_INPUT, message="bad")

    def output(_capability, inputs, _number):
        return bad if inputs.get("n") == 1 else "made"

    world = Declared(a_task([block], mode="wait", outputs={"all": "$steps.all"}), output=output).play()

    (completion,) = world.run.facts.completions.values()
    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"all": ["made"]}
    assert completion.missing[order.index("b")] == "it was skipped"


def test_a_later_plan_does_not_change_when_a_fan_out_was_complete():
    later = step("later", inputs={"n": 7}, after=["join"], on_failure="skip")

    world = played([*fan(2, tolerated_failures=1), later], numbers(7))

    assert world.run.epoch == 2
    assert completion(world).at_s == pytest.approx(0.6)
