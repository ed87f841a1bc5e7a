"""No effect leaves the process before the task that it belongs to is on disk: a crash would let it out twice."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import sample_agents as s
from shard_news import told
from shards import a_shard

from actors.catalog import catalog_of
from planners.model import TaskId
from planners.tasks import AdmittedTask, Task
from reconciler.runtime import journal_health

# An effect that does not wait for the disk would be out by then.
_WITHIN_S = 0.5
CATALOG = catalog_of(s.publishes)


def a_task(path: str) -> Task:
    steps = [{"id": "page", "capability": "publish", "inputs": {"path": path, "text": "x"}}]
    return Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})


def admitted_task(task_id: str, target: Path) -> AdmittedTask:
    return AdmittedTask(id=TaskId(task_id), task=a_task(str(target)), submitted_at_s=0.0)


async def test_a_staged_effect_is_let_out_only_once_its_task_is_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_health, "_STALLED_S", 600.0)  # else a machine that stalls for a second refuses the task
    target, task_id = tmp_path / "out", TaskId("t")
    first, admitted = admitted_task("first", tmp_path / "first"), admitted_task(task_id, target)
    async with a_shard(CATALOG, tmp_path) as service:
        await service.shard.submit(first)
        await service.ended(first.id)  # from now on a host runs, and an attempt takes milliseconds
        with closing(sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            submitting = asyncio.ensure_future(service.shard.submit(admitted))
            await asyncio.sleep(0)
            with suppress(TimeoutError):  # a run that does not begin before it is on disk is right, too
                await told(service, task_id, "attempt_finished", within_s=_WITHIN_S)
            for _ in range(20):
                await asyncio.sleep(0)
            out_early = target.exists()
        await submitting
        view = await service.ended(task_id)

    assert view.status == "succeeded"
    assert target.exists()
    assert not out_early
