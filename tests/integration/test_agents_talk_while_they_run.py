"""Agents of one task talk over the mailbox, each attempt in its host on Ray."""

import pytest
from ray_shards import a_ray_shard, ended
from talking_agents import SAID, answers, asks, criticises, proposes, talk

from actors.catalog import catalog_of
from planners.tasks import Task
from reconciler.state.commands import RunStatus

GUARD_S = 60.0
CATALOG = catalog_of(proposes, criticises, asks, answers)


@pytest.mark.parametrize("mode", ["forerun", "wait"])
async def test_agents_talk_while_they_run(cluster, tmp_path, mode):
    task = Task.model_validate({**talk(), "planning": {"mode": mode}})

    async with a_ray_shard(CATALOG, tmp_path, cluster.cpu) as service:
        task_id = await service.submit(task)
        view = await ended(service, task_id, GUARD_S)
        timeline = await service.shard.timeline(task_id)

    assert view.status is RunStatus.SUCCEEDED
    assert view.outputs == {name: said for name, said in SAID.items() if name != "critic"}
    topics = [note.topic for note in timeline.messages]
    assert sorted(topics) == sorted(["drafts", "remarks"] * 3 + ["questions", ""] * 2)
    assert all(note.at_s is not None for note in timeline.messages)
