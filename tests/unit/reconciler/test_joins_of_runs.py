"""A step that joins others goes on when enough of them have succeeded, and reads null in place of the rest."""

import pytest
from declared import Declared, a_task, step

from reconciler.simulation import Restart
from reconciler.state.attempts import AttemptStatus
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import CompletionReason
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def experts(*more, merge=None, **policy):
    """Three look-ups, of which the second one is prepared by a step of its own, and the step that joins them."""
    return [
        step("a", inputs={"n": 1}),
        step("prepare", inputs={"n": 20}),
        step("b", inputs={"n": 2}, after=["prepare"]),
        step("c", inputs={"n": 3}),
        *more,
        step(
            "merge",
            "say",
            inputs={"all": ["$steps.a", "$steps.b", "$steps.c"]},
            join={"steps": ["a", "b", "c"], **policy},
            **(merge or {}),
        ),
    ]


def numbers(*broken):
    def output(_capability, inputs, _number):
        if "all" in inputs:
            return inputs["all"]
        if inputs["n"] in broken:
            return Failure(kind=FailureKind.BAD_INPUT, message=f"{inputs['n']} is bad")
        return inputs["n"]

    return output


def lasting(**seconds):
    return lambda _capability, inputs, _number: seconds.get(f"n{inputs.get('n')}", 0.5)


def played(steps, output=None, seconds=None, mode="wait", **more):
    return Declared(
        a_task(steps, mode=mode, **more), output=output or numbers(), seconds=seconds or lasting(), plan_s=0.1
    ).play()


def completion(world, name="join:merge"):
    return world.run.facts.completions[name]


def statuses(world):
    return {attempt.step.id: attempt.status for attempt in world.run.attempts.values()}


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_a_step_starts_when_enough_of_those_it_joins_have_succeeded_and_the_others_are_flushed(mode):
    world = played(experts(min_successful=2), seconds=lasting(n20=9.0), mode=mode)

    assert world.outputs == {"merge": [1, None, 3]}
    found = completion(world)
    assert (found.reason, found.results, found.total) == (CompletionReason.MIN_SUCCESSFUL_REACHED, 2, 3)
    assert found.missing == {1: "'b': it was cancelled"}
    assert world.run.at_s < 3.0
    assert statuses(world)["prepare"] is AttemptStatus.FLUSHED  # only b needs it
    assert world.run.steps["b"].status is StepStatus.SKIPPED


def test_without_a_quorum_it_waits_for_all_and_what_fails_is_null():
    world = played(experts(tolerated_failures=1), numbers(20), lasting(n3=4.0))

    assert world.outputs == {"merge": [1, None, 3]}
    assert completion(world).reason is CompletionReason.ALL_COMPLETED
    assert completion(world).missing == {1: "step 'prepare' failed: 20 is bad"}


def test_it_goes_on_with_what_is_there_when_its_time_is_over():
    world = played(experts(timeout_s=2.0), seconds=lasting(n1=60.0, n3=60.0))

    assert world.outputs == {"merge": [None, 2, None]}
    assert completion(world).reason is CompletionReason.TIMED_OUT
    assert world.run.at_s < 4.0


def test_too_few_in_time_fail_the_step_that_joins():
    world = played(experts(timeout_s=2.0, min_successful=2), seconds=lasting(n1=60.0, n3=60.0))

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.message == "the join of 'merge' had 1 of 3 results after 2 s"
    assert world.run.end.failure.fix == "raise timeout_s of the join of 'merge'"


def test_a_quorum_that_can_no_longer_be_reached_is_a_failure_of_the_step_that_joins():
    skips = {"on_failure": "skip"}
    world = played(experts(min_successful=2, merge=skips), numbers(1, 2), lasting(n3=50.0))

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {}
    assert world.run.at_s < 5.0
    assert statuses(world)["c"] is AttemptStatus.FLUSHED


def test_a_default_stands_in_for_what_is_missing_and_parts_of_null_are_null():
    steps = [
        step("a", inputs={"n": 1}),
        step("b", inputs={"n": 2}, default={"text": "none"}),
        step("c", inputs={"n": 3}),
        step(
            "merge",
            "say",
            inputs={"all": ["$steps.b.text", "$steps.c.text.0", "$steps.a"]},
            join={"steps": ["a", "b", "c"], "min_successful": 1},
        ),
    ]

    assert played(steps, seconds=lasting(n2=9.0, n3=9.0)).outputs == {"merge": ["none", None, 1]}


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_what_another_step_reads_as_well_goes_on(mode):
    archive = step("archive", "say", inputs={"all": "$steps.c"})
    world = played(experts(archive, min_successful=2), seconds=lasting(n3=9.0), mode=mode)

    assert world.outputs == {"merge": [1, 2, None], "archive": 3}
    assert completion(world).missing == {2: "'c': it had not ended"}
    assert statuses(world)["c"] is AttemptStatus.FINISHED


def test_the_failure_of_what_another_step_reads_as_well_counts_for_that_step():
    archive = step("archive", "say", inputs={"all": "$steps.c"})

    failed = played(experts(archive, min_successful=1), numbers(3), lasting(n1=2.0, n2=2.0))
    assert failed.run.status is RunStatus.FAILED


def test_a_quorum_of_routes_that_decide_late():
    route = {
        "id": "c",
        "route": [{"when": "$steps.first == 3", "steps": [step("inside", inputs={"n": 9})]}],
    }
    steps = [
        step("a", inputs={"n": 1}),
        step("first", inputs={"n": 3}),
        route,
        step("merge", "say", inputs={"all": ["$steps.a", "$steps.c"]}, join={"steps": ["a", "c"], "min_successful": 1}),
    ]

    assert played(steps, seconds=lasting(n3=9.0)).outputs == {"merge": [1, None]}
    assert played(steps, seconds=lasting(n1=5.0)).outputs == {"merge": [None, 9]}


def test_joins_inside_one_another_in_the_elements_of_a_for_each():
    inner = [
        step("x", inputs={"n": "$item"}),
        step("y", inputs={"n": 7}),
        step("first", "say", inputs={"all": ["$steps.x", "$steps.y"]}, join={"steps": ["x", "y"], "min_successful": 1}),
        step("z", inputs={"n": 8}),
        step(
            "last",
            "say",
            inputs={"all": ["$steps.first", "$steps.z"]},
            join={"steps": ["first", "z"], "tolerated_failures": 1},
        ),
    ]
    steps = [{"id": "each", "for_each": [1, 2], "steps": inner}, step("end", "say", inputs={"all": "$steps.each"})]

    world = played(steps, numbers(2, 8), lasting(n7=3.0))

    assert world.outputs == {"end": [[[1, None], None], [[None, 7], None]]}


def test_a_join_beside_the_elements_of_parallel():
    steps = [
        {
            "id": "side",
            "parallel": [
                step("a", inputs={"n": 1}),
                step("b", inputs={"n": 2}),
                step(
                    "both",
                    "say",
                    inputs={"all": ["$steps.a", "$steps.b"]},
                    join={"steps": ["a", "b"], "min_successful": 1},
                ),
            ],
        }
    ]

    world = played(steps, seconds=lasting(n2=3.0))

    assert world.outputs == {"side": [1, 2, [1, None]]}


def test_a_route_joins_and_reads_null_in_its_conditions():
    steps = [
        step("a", inputs={"n": 1}),
        step("b", inputs={"n": 2}),
        {
            "id": "choose",
            "route": [{"when": "$steps.b == null", "steps": [step("alone", inputs={"n": 5})]}],
            "else": [step("together", inputs={"n": 6})],
            "join": {"steps": ["a", "b"], "min_successful": 1},
        },
    ]

    assert played(steps, seconds=lasting(n2=9.0)).outputs == {"choose": 5}
    assert played(steps, seconds=lasting(n1=9.0)).outputs == {"choose": 6}


def test_all_that_a_loop_carries_on_is_kept():
    steps = [
        {
            "id": "rounds",
            "loop": [
                step("p", inputs={"n": 1}),
                step("q", inputs={"n": 2}),
                step(
                    "r",
                    "say",
                    inputs={"all": ["$steps.p", "$steps.q"]},
                    join={"steps": ["p", "q"], "min_successful": 1},
                ),
            ],
            "state": {"found": None},
            "next": {"found": "$steps.r"},
            "max": 3,
        }
    ]

    world = played(steps, seconds=lasting(n2=9.0))

    assert world.outputs == {"rounds": [1, None]}
    assert {"join:r[0]", "join:r[1]", "join:r[2]"} <= world.run.facts.completions.keys()


def test_an_expression_reads_null_in_place_of_what_is_missing():
    steps = [
        step("a", inputs={"n": 1}),
        step("b", inputs={"n": 2}),
        step(
            "merge",
            "say",
            inputs={"all": {"cel": "$steps.b == null ? $steps.a : $steps.b"}},
            join={"steps": ["a", "b"], "min_successful": 1},
        ),
    ]

    assert played(steps, seconds=lasting(n2=9.0)).outputs == {"merge": 1}


def test_a_join_is_complete_when_a_condition_on_its_results_holds():
    world = played(experts(complete_when="$results.exists(r, r == 3)"), seconds=lasting(n1=0.7, n20=9.0))

    assert world.outputs == {"merge": [None, None, 3]}
    assert completion(world).reason is CompletionReason.CONDITION_REACHED
    assert completion(world).missing == {0: "'a': it was cancelled", 1: "'b': it was cancelled"}


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


ONE_MAY_FAIL = {"tolerated_failures": 1}


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
