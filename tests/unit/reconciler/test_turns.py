"""Between the events of runs, the event loop sees to requests."""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.local.virtual_loop import in_virtual_time
from reconciler.runtime.inbox import Inbox
from reconciler.runtime.journal_health import JournalHealth
from reconciler.runtime.shard_resources import ShardResources
from reconciler.runtime.turns import Turns
from reconciler.state.events import TimePassed


async def test_what_becomes_ready_meanwhile_waits_for_one_turn_and_not_for_all():
    turns, done = Turns(), []

    async def run(number: int) -> None:
        await turns.next()
        done.append(number)
        if number == 0:
            asyncio.get_running_loop().call_later(0, done.append, "request")

    await asyncio.gather(*(run(number) for number in range(10)))

    assert [one for one in done if one != "request"] == list(range(10))
    assert done.index("request") <= 3


async def test_many_that_wait_share_a_turn():
    turns, loop = Turns(), asyncio.get_running_loop()
    rounds = 0

    def count() -> None:
        nonlocal rounds
        rounds += 1
        loop.call_soon(count)

    loop.call_soon(count)
    await asyncio.gather(*(turns.next() for _ in range(200)))

    assert rounds < 100


async def test_runs_give_way_to_a_request_whose_task_is_durable():
    turns, done = Turns(), []

    async def run(number: int) -> None:
        await turns.next()
        done.append(number)

    async def request() -> None:
        for _ in range(4):
            await asyncio.sleep(0)
        done.append("answered")

    turns.give_way()
    await asyncio.gather(run(0), run(1), request())

    assert done == ["answered", 0, 1]


async def test_a_run_does_not_give_way_to_a_request_that_was_answered_long_ago():
    turns, done = Turns(), []
    turns.give_way()
    for _ in range(10):
        await asyncio.sleep(0)

    asyncio.get_running_loop().call_soon(done.append, "the event after")
    await turns.next()

    assert done == []


async def test_runs_have_turns_however_many_requests_go_on():
    turns, loop = Turns(), asyncio.get_running_loop()
    rounds = 0

    def go_on() -> None:
        nonlocal rounds
        rounds += 1
        turns.give_way()
        loop.call_soon(go_on)

    loop.call_soon(go_on)
    await asyncio.gather(*(turns.next() for _ in range(3)))

    assert rounds < 100


def test_few_runs_wait_while_an_admission_is_written():
    """They would keep the interpreter from the journal's thread."""

    async def scenario() -> list[Any]:
        turns, done = Turns(), []
        journal: Any = SimpleNamespace(stalled_s=0.0)
        durable: Future[None] = Future()

        async def run(number: int) -> None:
            await turns.next()
            done.append(number)

        admitting = asyncio.ensure_future(JournalHealth(journal, lambda: 0.0, turns).written(durable))
        await asyncio.sleep(0)
        running = [asyncio.ensure_future(run(number)) for number in range(2)]
        for _ in range(50):
            await asyncio.sleep(0)
        done.append("written")
        durable.set_result(None)
        await asyncio.gather(admitting, *running)
        return done

    assert in_virtual_time(scenario()) == ["written", 0, 1]


def test_many_runs_do_not_wait_for_an_admission():
    """The event loop has too much to do."""

    async def scenario() -> int:
        turns = Turns()
        with turns.writing():
            waiting = [asyncio.ensure_future(turns.next()) for _ in range(20)]
            for _ in range(50):
                await asyncio.sleep(0)
            left = [turn for turn in waiting if not turn.done()]
        await asyncio.gather(*left)
        return len(left)

    assert 0 < in_virtual_time(scenario()) <= 8


def test_runs_wait_for_the_disk_half_of_the_time_at_most():
    async def scenario() -> list[float]:
        turns, loop, turns_s = Turns(), asyncio.get_running_loop(), []
        with turns.writing():
            while loop.time() < 1.0:
                await turns.next()
                turns_s.append(loop.time())
                await asyncio.sleep(0.001)
        return turns_s

    turns_s = in_virtual_time(scenario())

    pauses_s = [after - before for before, after in pairwise(turns_s) if after - before > 0.0015]
    assert pauses_s
    assert max(pauses_s) <= 0.012
    assert sum(pauses_s) <= 0.6


async def test_runs_have_turns_however_many_admissions_are_written():
    turns, loop = Turns(), asyncio.get_running_loop()

    async def admit() -> None:
        while True:
            with turns.writing():
                await asyncio.sleep(0)

    admitting = [loop.create_task(admit()) for _ in range(3)]
    await asyncio.gather(*(turns.next() for _ in range(3)))

    for one in admitting:
        one.cancel()


async def test_a_run_that_is_cancelled_keeps_no_turn():
    turns = Turns()
    first, cancelled, last = (asyncio.ensure_future(turns.next()) for _ in range(3))
    await first

    cancelled.cancel()

    await last
    assert cancelled.cancelled()


async def test_an_event_in_hand_has_not_been_handled():
    turns = Turns()
    inbox = Inbox(turns)
    inbox.put(TimePassed(at_s=1.0))
    of_another_run, reading = asyncio.ensure_future(turns.next()), asyncio.ensure_future(inbox.next())
    await of_another_run

    assert not inbox.is_empty
    assert await reading == TimePassed(at_s=1.0)
    assert inbox.is_empty


async def test_an_error_is_raised_in_its_place():
    inbox = Inbox(Turns())
    inbox.put(TimePassed(at_s=1.0))
    inbox.put(OSError("the disk is gone"))

    await inbox.next()

    with pytest.raises(OSError, match="gone"):
        await inbox.next()


async def test_large_events_of_all_runs_are_handled_in_one_thread_and_each_in_its_context():
    nothing: Any = None
    shared = ShardResources(nothing, nothing, ThreadPoolExecutor(1))
    task: ContextVar[int] = ContextVar("task")

    async def run(number: int) -> tuple[int, int]:
        task.set(number)
        return await shared.handled(lambda: (task.get(), threading.get_ident()))

    handled = await asyncio.gather(*(asyncio.ensure_future(run(number)) for number in range(5)))
    shared.close()

    assert [number for number, _ in handled] == list(range(5))
    assert len({thread for _, thread in handled}) == 1
