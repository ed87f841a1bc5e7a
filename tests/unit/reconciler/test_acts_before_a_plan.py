"""What cannot be taken back waits for a plan that is coming if that may skip it, or change what it reads."""

import pytest
from acting_runs import BAD, FAILS, LASTING, MODES, PLAN_S, SECONDS, begun, made, played, promoted, work
from declared import Declared, a_task, step

from reconciler.simulation import Restart
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Handoff


def joining(capability, **more):
    """Two steps, of which the second one is read by another step as well, so that the join does not stop it."""
    join = {"steps": ["a", "b"], "min_successful": 1}
    return [
        work("a", 1),
        work("b", 2),
        work("other", "$steps.b"),
        step("merge", capability, inputs={"all": ["$steps.a", "$steps.b"]}, join=join, **more),
    ]


@MODES
@LASTING
def test_what_joins_does_not_begin_with_a_result_that_the_join_goes_on_without(capability, mode):
    world = played(joining(capability), mode=mode)

    assert world.outputs["merge"] == [1, None]
    assert len(begun(world, "merge")) == 1 or capability == "file"  # the first output is flushed
    assert promoted(world) == ["merge"] * (capability == "file")


@MODES
@LASTING
def test_what_follows_a_step_that_joins_does_not_begin_either(capability, mode):
    world = played([*joining("do"), step("then", capability, inputs={"all": "$steps.merge"})], mode=mode)

    assert world.outputs["then"] == [1, None]


@LASTING
def test_nothing_is_done_for_good_while_a_failure_waits_for_a_plan(capability):
    """The plan unrolls something else, and still holds the step that has failed."""
    each = {"id": "each", "for_each": {"cel": "[$steps.a]"}, "steps": [work("one", "$item")], "output": "one"}
    late = [work("early", 3), step("late", capability, inputs={"all": "$steps.early"})]

    world = played([work("a", 1), each, work("fails", FAILS), *late])

    assert world.run.status is RunStatus.FAILED
    assert promoted(world) == []
    assert capability == "file" or begun(world, "late") == []


@LASTING
def test_a_restart_at_any_event_changes_nothing(capability):
    for after in range(1, len(played(joining(capability)).simulation.events) + 1):
        world = played(joining(capability), restarts=(Restart(after=after),))

        assert world.outputs["merge"] == [1, None], after
        assert set(promoted(world)) == ({"merge"} if capability == "file" else set())


def test_a_step_that_stages_its_output_is_promoted_once_the_plan_still_holds_it():
    gone = work("gone", FAILS, on_failure="skip")

    world = played([gone, work("filed", 3, "file")])

    assert promoted(world) == ["filed"]
    [attempt] = begun(world, "filed")
    assert world.run.at_s == pytest.approx(PLAN_S + SECONDS[FAILS] + PLAN_S)
    assert attempt.settled


@LASTING
def test_what_lasts_does_not_begin_in_a_quorum_that_may_be_complete_with_a_default(capability):
    """Only the plan tells that the default counts; what comes before the step is done by then."""
    fails = work("fails", FAILS, on_failure="default", default="none")
    last = step("lasts", capability, inputs={"all": "$steps.early"})
    some = {"id": "some", "parallel": [fails, work("early", 3), last], "min_successful": 2}

    world = played([some])

    assert world.outputs == {"some": ["none", 3]}
    assert capability == "file" or begun(world, "lasts") == []
    assert promoted(world) == []


def test_a_staged_output_that_the_next_plan_skips_is_not_promoted():
    """The block around the step reads what is skipped, and the step does not."""
    gone = work("gone", FAILS, on_failure="skip")
    block = {"use": "other", "inputs": {"q": "$steps.gone"}, "steps": [work("filed", 3, "file")], "output": "filed"}

    world = played([gone, {"id": "block", **block}, work("beside", 1)])

    assert promoted(world) == []
    assert world.outputs == {"beside": 1}
    assert not begun(world, "filed")


def test_what_reads_a_step_that_proposes_is_promoted_once_with_the_result_of_the_proposal():
    """The step proposes while a plan is made, which confirms the guess that has read the output of the step itself."""
    more = {"steps": [{"id": "last", "capability": "do", "inputs": {"n": 6}}]}
    each = {"id": "each", "for_each": [1, 2, 3], "steps": [step("asks", "propose", inputs={"n": "$item"})]}
    filed = step("filed", "file", inputs={"all": "$steps.each"})
    lasting = {("propose", 1): 0.5, ("propose", 2): 0.9, ("propose", 3): 0.9, ("do", 6): 2.0}

    def proposing(capability, inputs, number):
        if capability == "propose" and inputs["n"] == 3:
            return Handoff(output=3, next=more)
        return made(capability, inputs, number)

    world = Declared(
        a_task([{**each, "output": "asks", "min_successful": 2, "tolerated_failures": 1}, filed], mode="forerun"),
        output=lambda capability, inputs, number: (
            BAD if inputs.get("n") == 2 else proposing(capability, inputs, number)
        ),
        seconds=lambda capability, inputs, _number: lasting.get((capability, inputs.get("n")), 0.1),
        plan_s=PLAN_S,
    ).play()

    assert world.outputs["filed"] == [1, 6]
    assert promoted(world) == ["filed"]


def test_like_acts_in_a_turn_of_a_loop_that_has_left_the_plan_are_different_acts():
    """The fallback of a later turn does the same, and the plan did not hold it before."""
    tried = {
        "id": "tried",
        "try": [step("first", inputs={"n": "$state.x", "all": FAILS})],
        "fallback": {"steps": [step("again", "act", inputs={"n": 5})]},
    }
    loop = {"id": "loop", "loop": [tried, work("end", "$state.turn")], "output": "end", "max": 3}
    loop |= {"state": {"x": 1}, "next": {"x": "$steps.end"}, "until": "$steps.end > 90"}

    world = Declared(
        a_task([loop]), output=lambda _capability, inputs, _number: BAD if "all" in inputs else inputs["n"], plan_s=0.1
    ).play()

    acts = [attempt for attempt in world.run.attempts.values() if attempt.step.capability == "act"]
    assert [attempt.step.id for attempt in acts] == ["again[0]", "again[1]", "again[2]"]
    assert len({attempt.work_key for attempt in acts}) == 3


def test_a_second_failure_in_a_block_that_has_failed_does_not_fail_the_block_around_it():
    acts = [work("slow", 2, "act"), step("later", inputs={"n": FAILS, "all": "$steps.slow"})]
    inner = {
        "id": "inner",
        "parallel": [work("early", FAILS), {"id": "acts", "use": "other", "inputs": {}, "steps": acts}],
    }
    inner |= {"on_failure": "default", "default": "none"}
    inner["parallel"][1]["output"] = "later"
    tried = {"id": "tried", "try": [inner], "output": "inner", "fallback": {"steps": [work("instead", 1)]}}

    world = played([tried])

    assert world.outputs == {"tried": "none"}


@MODES
@LASTING
def test_a_step_is_not_done_whose_join_cannot_succeed_because_all_that_it_joins_is_skipped(capability, mode):
    join = {"steps": ["gone"], "min_successful": 1}
    gone = work("gone", FAILS, on_failure="skip")

    world = played([gone, work("joins", 2, capability, join=join, on_failure="skip"), work("beside", 1)], mode=mode)

    assert world.outputs == {"beside": 1}
    assert capability == "file" or not begun(world, "joins")
    assert not world.done_for_good()


FAILS_FIRST = work("read", {"cel": f"$state.turn == 0 ? {FAILS} : 1"}, on_failure="skip")


EMPTY = {"id": "none", "for_each": [], "steps": [work("never", "$item")], "output": "never"}


FIRST_ONLY = {
    "id": "read",
    "route": [{"when": "$state.turn == 0", "steps": [work("gone", FAILS, on_failure="skip")]}],
    "else": {"steps": [EMPTY]},
}


@LASTING
@pytest.mark.parametrize("read", [FAILS_FIRST, FIRST_ONLY], ids=["a step of each turn", "a step of the first turn"])
def test_nothing_is_done_in_turns_that_a_failure_in_an_earlier_turn_leaves_out(read, capability):
    """A turn begins once what is carried into it is there, also where none of its steps reads that."""
    turn = [work("first", 2), work("acts", "$steps.first", capability), read]
    loop = {"id": "loop", "loop": turn, "output": "acts", "state": {"x": 0}, "next": {"x": "$steps.read"}, "max": 3}

    world = played([loop])

    assert not [*begun(world, "first[1]"), *begun(world, "acts[1]")]
    assert world.done_for_good() == ({"acts[0]"} if capability != "tell" else set())
