"""While a shard closes, requests still reach it: it begins nothing that it could not bring to an end."""

import time
from typing import Any

import pytest
import sample_agents as s
from ray_shards import one_step
from shards import a_shard, parked

from actors.catalog import catalog_of
from planners.model import TaskId
from planners.tasks import AdmittedTask, Task
from reconciler.errors import ShuttingDown
from reconciler.journal import Journal
from reconciler.state.commands import RunStatus

CATALOG = catalog_of(s.add)
STEPS = [{"id": "ok", "approval": "Go on?"}]
ASKS = Task.model_validate({"workflow": {"steps": STEPS}, "planning": {"mode": "list_schedule"}})


async def test_a_task_that_comes_while_a_shard_closes_is_refused_and_not_failed(tmp_path):
    admitted = AdmittedTask(id=TaskId("late"), task=one_step("add", CATALOG, a=1), submitted_at_s=time.time())
    seen: list[Any] = []

    async def comes_late() -> None:
        try:
            await service.shard.submit(admitted)
            seen.append(await service.shard.wait(admitted.id, 20.0))
        except ShuttingDown as error:
            seen.append(error)

    async with a_shard(CATALOG, tmp_path, on_close=[comes_late]) as service:
        pass
    journal = Journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    recorded = journal.view(admitted.id)
    journal.close()

    assert isinstance(seen[0], ShuttingDown), seen[0].failure
    assert recorded is None


async def test_a_parked_run_is_not_woken_by_a_shard_that_closes(tmp_path):
    seen: list[Any] = []

    async def asks() -> None:
        with pytest.raises(ShuttingDown):
            await service.shard.timeline(task_id)
        seen.append(service.shard.live)

    async with a_shard(CATALOG, tmp_path, on_close=[asks]) as service:
        task_id = await service.submit(ASKS)
        await parked(service, task_id)

    assert seen == [0]
    async with a_shard(CATALOG, tmp_path) as service:
        assert (await service.shard.show(task_id)).status is RunStatus.RUNNING
