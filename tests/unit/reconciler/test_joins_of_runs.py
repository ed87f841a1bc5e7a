"""A step that joins others goes on when enough of them have succeeded, and reads null in place of the rest."""

import pytest
from declared import step
from joining_runs import completion, experts, lasting, numbers, played, statuses

from reconciler.state.attempts import AttemptStatus
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import CompletionReason
from reconciler.state.step_state import StepStatus


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


TOLD = step("told", inputs={"n": "$steps.choice"})
CHOSEN = {"steps": ["choice"], "min_successful": 1}


@pytest.mark.parametrize("other", [TOLD, step("also", inputs={"n": 4}, join=CHOSEN, on_failure="skip")])
@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_it_waits_for_what_gives_nothing_while_another_step_reads_or_joins_that_too(mode, other):
    """The route takes no way, but a step before it runs; until that has ended, the join has not failed."""
    nowhere = {"id": "nowhere", "route": [{"when": "false", "steps": [step("never", inputs={"n": 9})]}]}
    choice = {"id": "choice", "route": [{"when": "false", "steps": [step("x", inputs={"n": 8})]}]}
    choice["else"] = {"steps": [step("looks", inputs={"n": 1}), nowhere], "output": "nowhere"}
    acts = step("acts", "act", inputs={"n": 3}, join=CHOSEN, on_failure="default", default=0)

    world = played([choice, acts, other], seconds=lasting(n1=5.0), mode=mode)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs["acts"] == 0
    assert "acts" not in world.done
