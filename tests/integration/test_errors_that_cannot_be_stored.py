"""An acknowledged task ends, whatever the texts it has to record, and even where its record cannot be made."""

from typing import Any

import odd_agents as o
from shards import a_shard

from actors.catalog import catalog_of
from planners.tasks import Task
from reconciler.state.commands import RunStatus

CATALOG = catalog_of(o.fails_with_half_a_pair, o.echoes)


def a_task(capability: str) -> Task:
    steps = [{"id": "only", "capability": capability}]
    return Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})


async def test_a_task_whose_agent_fails_with_half_a_surrogate_pair_has_failed(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_task("parse"))
        view = await service.shard.wait(task_id, 5.0)

        assert view.status is RunStatus.FAILED
        assert "cannot parse" in view.failure.message

    async with a_shard(CATALOG, tmp_path) as service:
        assert (await service.shard.show(task_id)).status is RunStatus.FAILED
        assert service.shard.live == 0


async def test_a_run_whose_record_cannot_be_made_has_failed(tmp_path, monkeypatch):
    def unmakeable(*_: Any) -> Any:
        raise KeyError("no such attempt")

    monkeypatch.setattr("reconciler.journal.run_log.timeline", unmakeable)
    async with a_shard(CATALOG, tmp_path) as service:
        view = await service.shard.wait(await service.submit(a_task("echo")), 5.0)

        assert view.status is RunStatus.FAILED
