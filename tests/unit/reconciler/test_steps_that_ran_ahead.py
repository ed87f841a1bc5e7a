"""A step that has finished before one that a plan puts before it counts only when that one has finished as well."""

from acting_runs import AGENTS, FAILS, FAILS_TOO, LASTING, MODES, PLAN_S, begun, made, promoted, work
from declared import Declared, a_task, step

from reconciler.state.handoff import Handoff


def behind_a_proposal(reads, proposed, mode="forerun"):
    """A step that only follows one that proposes has finished when the plan that holds the proposal comes."""
    more = {"steps": [work("slow", proposed)]}
    lasting = {"then": 0.6, 6: 2.0, FAILS_TOO: 2.0}

    def proposing(capability, inputs, number):
        if capability == "propose":
            return Handoff(output=1, next=more)
        return made(capability, inputs, number)

    steps = [work("asks", "asks", "propose", on_failure="skip"), work("then", "then", after=["asks"]), reads]
    return Declared(
        a_task(steps, mode=mode),
        output=proposing,
        seconds=lambda _capability, inputs, _number: lasting.get(inputs["n"], 0.1),
        plan_s=PLAN_S,
        catalog=AGENTS,
        happened=False,
    )


@MODES
@LASTING
def test_what_reads_a_step_that_ran_ahead_is_not_done_before_what_that_step_follows(capability, mode):
    """The proposed step fails, so the one that ran ahead of it is skipped, and what reads that with it."""
    world = behind_a_proposal(work("reads", "$steps.then", capability, default="none"), FAILS_TOO, mode).play()

    assert world.outputs == {"reads": "none"}
    assert capability == "file" or not begun(world, "reads")
    assert promoted(world) == []


@LASTING
def test_what_reads_a_step_that_ran_ahead_is_done_once_what_that_step_follows_has_finished(capability):
    world = behind_a_proposal(work("reads", "$steps.then", capability), 6).play()

    slow, reads = begun(world, "asks/slow")[-1], begun(world, "reads")[-1]
    assert world.outputs == {"reads": "then"}
    assert promoted(world) == ["reads"] * (capability == "file")
    assert capability == "file" or reads.dispatched_s >= slow.ended_s


@MODES
def test_a_failure_behind_a_step_that_ran_ahead_does_not_count_before_what_that_step_follows(mode):
    failing = step("reads", inputs={"n": FAILS, "m": "$steps.then"}, default="none")

    world = behind_a_proposal(failing, FAILS_TOO, mode).play()

    assert world.outputs == {"reads": "none"}


def test_a_step_tells_that_it_waits_for_what_its_parent_ran_ahead_of():
    world, told = behind_a_proposal(work("reads", "$steps.then", "act"), 6), {}

    def look(_now_s, _news):
        if (reason := world.run.waiting("reads")) is not None:
            told[reason.message] = reason.parents

    world.simulation.watch = look
    world.play()

    assert told["after asks/slow"] == ("asks/slow",)
