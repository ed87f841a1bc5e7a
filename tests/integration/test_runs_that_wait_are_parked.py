"""Runs that only wait are left to the journal: they take little room, and go on once answered, or when it is time."""

import asyncio
import gc
import time
import tracemalloc

import pytest
from attempts import until
from shards import a_shard, parked

from actors.agent import agent
from actors.catalog import catalog_of
from planners.model import StepId
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.state.events import StepAnswered
from reconciler.state.waiting import WaitKind
from reconciler.views.models import TaskFilter

GUARD_S = 60.0
YES = StepAnswered(at_s=0, attempt="", by="ada")


@agent(capability="work")
async def work(n: int) -> int:
    return n + 1


CATALOG = catalog_of(work)


def a_task(**question):
    steps = [
        {"id": "first", "capability": "work", "inputs": {"n": 1}},
        {"id": "sign", "approval": "Go on?", "inputs": {"n": "$steps.first"}, **question},
        {"id": "last", "capability": "work", "inputs": {"n": "$steps.first"}, "after": ["sign"]},
    ]
    return Task.model_validate({"workflow": {"steps": steps}, "labels": {"team": "x"}, "planning": {"mode": "wait"}})


def a_question():
    steps = [{"id": "sign", "approval": "Go on?", "timeout_s": 86_400}]
    return Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "list_schedule"}})


async def test_a_parked_run_is_shown_and_goes_on_when_it_is_answered(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_task())
        await parked(service, task_id)
        assert service.shard.live == 0

        view = await service.shard.show(task_id)
        assert view.status is RunStatus.RUNNING
        assert [reason.step for reason in view.waiting if reason.kind is WaitKind.ANSWER] == ["sign"]
        page = await service.shard.list_tasks(10, where=TaskFilter(status=RunStatus.RUNNING))
        assert [one.id for one in page.tasks] == [task_id]
        assert (await service.shard.list_tasks(10)).tasks[0].steps.finished == 1
        assert len(service.shard.parking) == 1

        await service.shard.answer(task_id, StepId("sign"), YES)
        view = await service.ended(task_id)

    assert view.status is RunStatus.SUCCEEDED
    assert view.outputs == {"last": 3}
    assert view.failed_attempts == 0


async def test_several_questions_wake_a_run_once(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_task())
        await parked(service, task_id)

        timelines = await asyncio.gather(*(service.shard.timeline(task_id) for _ in range(5)))

        assert service.shard.live == 1
        assert len(service.shard.parking) == 0
        assert all([bar.step for bar in one.bars] == ["first", "sign"] for one in timelines)
        await parked(service, task_id)
        assert await service.shard.output(task_id, StepId("first")) == 2


async def test_a_parked_run_can_be_cancelled(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_task())
        await parked(service, task_id)
        await service.shard.cancel(task_id)

        assert (await service.ended(task_id)).status is RunStatus.CANCELLED


async def test_the_time_in_which_a_run_is_parked_counts(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_task(timeout_s=1.5, on_expiry="approve"))
        await parked(service, task_id)
        async with asyncio.timeout(GUARD_S):  # nobody asks: its alarm wakes it
            while True:
                if service.seen.views:
                    break
                await asyncio.sleep(0.01)

    (view,) = service.seen.views
    assert view.status is RunStatus.SUCCEEDED
    assert view.ended_s >= 1.5


async def test_a_run_that_only_waits_is_parked_when_the_service_starts(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_task())
        await parked(service, task_id)

    async with a_shard(CATALOG, tmp_path) as service:
        assert (service.shard.live, len(service.shard.parking)) == (0, 1)
        await service.shard.answer(task_id, StepId("sign"), YES)
        assert (await service.ended(task_id)).outputs == {"last": 3}


async def test_a_run_is_not_parked_while_an_agent_works_or_somebody_asks(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_task())
        await parked(service, task_id)
        await service.shard.timeline(task_id)

        service.shard.parking.sweep(service.shard._live, idle_s=30.0)

        assert service.shard.live == 1


async def test_a_parked_run_takes_a_few_kilobytes(tmp_path):
    """10,000 of them take less than 100 MB, the limit that is promised."""
    async with a_shard(CATALOG, tmp_path) as service:
        await parked(service, await service.submit(a_question()))  # what is allocated on first use only
        service.planners.asked.clear()
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            ids = [await service.submit(a_question()) for _ in range(120)]
            for number, task_id in enumerate(ids, 2):
                await parked(service, task_id, number)
            service.planners.asked.clear()
            await asyncio.sleep(0)
            gc.collect()
            taken = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()

    assert taken / len(ids) < 10_000


def a_wait(seconds):
    steps = [{"id": "pause", "wait": seconds}]
    return Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "list_schedule"}})


async def waiting(service, task_id):
    """Return once the pause has begun and that is recorded."""
    driver = service.shard._live[task_id].driver
    await until(lambda: driver.alarm_in_s is not None and driver.is_quiet, within_s=GUARD_S)


async def test_a_run_that_is_parked_in_the_moment_it_is_to_be_woken_is_woken(tmp_path):
    """The timer is due, and the event loop has not called it yet."""
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_wait(1.0))
        await waiting(service, task_id)
        while service.shard._live[task_id].driver.alarm_in_s:
            pass  # nobody else has a turn
        service.shard.parking.sweep(service.shard._live, idle_s=-1)
        assert len(service.shard.parking) == 1

        await until(lambda: service.seen.views, within_s=GUARD_S)
    assert service.seen.views[0].status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("is_parked", [False, True])
async def test_time_that_has_passed_without_an_event_counts_after_a_restart(tmp_path, monkeypatch, is_parked):
    """Else a pause of a day would never end where the service is restarted every night."""
    passed_s = 0.0
    monkeypatch.setattr("shards.WallClock.monotonic_s", lambda _: time.monotonic() + passed_s)
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_wait(86_400))
        await waiting(service, task_id)
        if is_parked:
            await parked(service, task_id)
        passed_s = 86_399.5

    async with a_shard(CATALOG, tmp_path) as service:
        await until(lambda: service.seen.views, within_s=GUARD_S)
    assert service.seen.views[0].status is RunStatus.SUCCEEDED


async def test_an_answer_still_holds_when_the_run_is_read_from_the_journal_again(tmp_path):
    steps = [
        {"id": "sign", "approval": "Go on?"},
        {"id": "countersign", "approval": "Really?", "inputs": {"by": "$steps.sign.by"}},
    ]
    task = Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(task)
        await parked(service, task_id)
        await service.shard.answer(task_id, StepId("sign"), YES)
        await parked(service, task_id)

        view = await service.shard.show(task_id)
        assert [reason.step for reason in view.waiting if reason.kind is WaitKind.ANSWER] == ["countersign"]
        await service.shard.answer(task_id, StepId("countersign"), YES)

        assert (await service.ended(task_id)).status is RunStatus.SUCCEEDED
