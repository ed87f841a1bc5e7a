"""A promotion hook that never returns keeps no task from ending."""

import asyncio

import odd_agents as o
from shard_news import told
from shards import Service, a_shard

from actors.catalog import catalog_of
from planners.model import TaskId
from planners.tasks import Task
from reconciler.state.commands import RunStatus

CATALOG = catalog_of(o.publishes_for_ever)


def a_task(**limits: float) -> Task:
    steps = [{"id": "page", "capability": "publish"}]
    return Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}, "limits": limits})


async def promoting(service: Service, task: Task) -> TaskId:
    """A task whose only step has finished and is being promoted."""
    task_id = await service.submit(task)
    await told(service, task_id, "attempt_finished")
    return task_id


async def test_the_deadline_ends_a_task_whose_promotion_hangs(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        view = await service.shard.wait(await promoting(service, a_task(deadline_s=2.0)), 3.0)

    assert view.status is RunStatus.FAILED
    assert "page" in view.failure.message, "it says of which step it is not known whether its effect is out"


async def test_a_task_whose_promotion_hangs_can_be_cancelled(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await promoting(service, a_task())
        view = await asyncio.wait_for(service.shard.cancel(task_id, "enough"), 1.0)

    assert view.status in {RunStatus.CANCELLED, RunStatus.FAILED}
    assert "page" in view.failure.message
