"""A page costs what it shows: lists read no plans, and pages of events are bounded."""

import asyncio
from typing import Any

import odd_agents as o
from shards import Service, a_shard
from sqlalchemy import event

from actors.catalog import catalog_of
from planners.model import TaskId
from planners.tasks import Task
from reconciler.journal import EventRow
from reconciler.journal.run_log import RunLog

CATALOG = catalog_of(o.echoes)
MANY = 6_000


async def an_ended_task(service: Service) -> TaskId:
    steps = [{"id": "only", "capability": "echo", "inputs": {"x": 1}}]
    task = Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})
    return (await service.ended(await service.submit(task))).id


async def test_a_page_of_tasks_reads_neither_plans_nor_timelines_nor_whole_tasks(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        await an_ended_task(service)
        asked: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement.partition("FROM")[0])

        event.listen(service.shard._journal._engine, "before_cursor_execute", note)
        page = await service.shard.list_tasks(100)

    assert len(page.tasks) == 1
    assert asked
    assert not [name for name in ("tasks.plans", "tasks.timeline", "tasks.task") if any(name in sql for sql in asked)]


async def test_pages_of_an_ended_run_are_bounded_and_hold_every_event_once(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await an_ended_task(service)
        more = [EventRow(seq, 1.0, "verdict", "{}") for seq in range(1_001, 1_001 + MANY)]
        await asyncio.wrap_future(service.shard._journal.append(task_id, more, urgent=True))
        pages = [await service.shard.events(task_id)]
        while not pages[-1].ended:
            pages.append(await service.shard.events(task_id, pages[-1].events[-1].seq))

    seen = [line.seq for page in pages for line in page.events]
    assert seen == sorted(set(seen))
    assert seen[-MANY:] == [line.seq for line in more]
    assert max(len(page.events) for page in pages) < MANY


async def test_pages_of_a_live_run_are_bounded():
    history = RunLog(TaskId("t"), None)
    history._lines += [EventRow(seq, 1.0, "verdict", "{}") for seq in range(1, MANY + 1)]

    page = await history.page(0, 0.0)

    assert 0 < len(page.events) < MANY
