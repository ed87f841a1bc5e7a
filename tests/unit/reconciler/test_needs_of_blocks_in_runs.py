"""A block whose state reads an optional step: if that step fails, the block is skipped, however late the step fails."""

from acting_runs import AGENTS, FAILS, FAILS_TOO, LASTING, MODES, PLAN_S, begun, made, promoted, work
from declared import Declared, a_task


def output(capability, inputs, number):
    return inputs["n"] if capability == "say" else made(capability, inputs, number)


def around(*nodes):
    """A loop that needs the output of an optional step, which none of its steps read."""
    loop = {"id": "loop", "loop": list(nodes), "state": {"x": "$steps.late"}, "while": "$state.turn < 1", "max": 3}
    return [work("late", FAILS, on_failure="skip"), loop | {"default": 1}]


def played(steps, mode):
    return Declared(
        a_task(steps, mode=mode),
        output=output,
        seconds=lambda _capability, inputs, _number: 2.0 if inputs["n"] == FAILS else 0.1,
        plan_s=PLAN_S,
        catalog=AGENTS,
        happened=False,
    ).play()


@MODES
@LASTING
def test_nothing_lasting_is_done_in_a_block_that_is_skipped(capability, mode):
    world = played(around(work("lasting", 2, capability)), mode)

    assert world.outputs == {"loop": 1}
    assert capability == "file" or not begun(world, "lasting[0]")
    assert promoted(world) == []


@MODES
def test_a_failure_in_a_block_that_is_skipped_does_not_fail_the_task(mode):
    world = played(around(work("fails", FAILS_TOO)), mode)

    assert world.outputs == {"loop": 1}


@MODES
def test_a_failure_behind_a_block_that_is_skipped_does_not_count(mode):
    """The reader fails with the output of the loop, and does well with its default."""
    world = played([*around(work("in", FAILS_TOO, "say")), work("reads", "$steps.loop")], mode)

    assert world.outputs == {"reads": 1}
