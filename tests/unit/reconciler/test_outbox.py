"""The outbox carries commands out in order, each once its writes are durable."""

import asyncio
from concurrent.futures import Future

import pytest

from planners.model import AttemptId
from reconciler.runtime.outbox import Outbox
from reconciler.state.commands import Promote


def promote(number):
    return Promote(attempt=AttemptId(f"t.{number}"))


class Sent:
    """An outbox and what became of its commands."""

    def __init__(self) -> None:
        self.carried_out: list[Promote] = []
        self.errors: list[BaseException] = []
        self.outbox = Outbox(self._carry_out, self.errors.append)

    def _carry_out(self, command: Promote) -> None:
        if command == promote(13):
            raise ValueError("no such attempt")
        self.carried_out.append(command)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def sent():
    made = Sent()
    yield made
    made.outbox.drop()


async def test_a_later_write_does_not_overtake_an_earlier_one(sent):
    first, second = Future(), Future()
    sent.outbox.hold(promote(1), first)
    sent.outbox.hold(promote(2), second)

    second.set_result(None)
    await settle()
    assert sent.carried_out == []
    first.set_result(None)
    await sent.outbox.drained()

    assert sent.carried_out == [promote(1), promote(2)]
    assert sent.outbox.held == []


async def test_a_command_waits_for_all_its_writes(sent):
    admission, event = Future(), Future()
    sent.outbox.hold(promote(1), admission, event)

    event.set_result(None)
    await settle()
    assert sent.outbox.held == [promote(1)]
    admission.set_result(None)
    await sent.outbox.drained()

    assert sent.carried_out == [promote(1)]


async def test_a_command_whose_write_failed_is_not_carried_out_and_the_others_are(sent):
    lost, kept = Future(), Future()
    sent.outbox.hold(promote(1), lost)
    sent.outbox.hold(promote(2), kept)

    lost.set_exception(OSError("no space left"))
    kept.set_result(None)
    await sent.outbox.drained()

    assert sent.carried_out == [promote(2)]
    assert [str(error) for error in sent.errors] == ["no space left"]


async def test_a_command_that_cannot_be_carried_out_stops_no_other(sent):
    done = Future()
    done.set_result(None)
    sent.outbox.hold(promote(13), done)
    sent.outbox.hold(promote(2), done)

    await sent.outbox.drained()

    assert sent.carried_out == [promote(2)]
    assert [type(error) for error in sent.errors] == [ValueError]


async def test_a_dropped_command_is_never_carried_out_and_a_later_one_is(sent):
    write = Future()
    sent.outbox.hold(promote(1), write)

    await settle()
    assert sent.outbox.drop() == [promote(1)]
    sent.outbox.hold(promote(2), write)
    write.set_result(None)
    await sent.outbox.drained()

    assert sent.carried_out == [promote(2)]
