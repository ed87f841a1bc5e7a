"""A cluster may have no node for a while, when all are lost: what was acknowledged then waits for one."""

import asyncio

from shards import NODES, a_shard

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterSnapshot
from planners.tasks import Task
from reconciler.state.commands import RunStatus

SIMULATED = {"kind": "async", "target": "actors.simulated:simulated", "settings": {"duration_s": 0}}
CATALOG = Catalog(agents=(AgentSpec(name="echoes", capability="echo", **SIMULATED),))
TASK = Task.model_validate({"workflow": {"steps": [{"id": "e", "capability": "echo"}]}})


class _Cluster:
    """Has no node until one joins."""

    def __init__(self):
        self.looked, self.nodes = asyncio.Event(), ClusterSnapshot(nodes=())

    def snapshot(self) -> ClusterSnapshot:
        self.looked.set()
        return self.nodes


async def test_a_task_waits_for_a_node_and_does_not_fail(tmp_path):
    cluster = _Cluster()
    async with a_shard(CATALOG, tmp_path, cluster=cluster) as service, asyncio.timeout(60):
        task_id = await service.submit(TASK)
        await cluster.looked.wait()
        assert not (await service.shard.show(task_id)).status.ended

        cluster.nodes = NODES
        view = await service.ended(task_id)

    assert view.status is RunStatus.SUCCEEDED, view.failure


async def test_a_task_that_waits_for_a_node_can_be_cancelled(tmp_path):
    cluster = _Cluster()
    async with a_shard(CATALOG, tmp_path, cluster=cluster) as service, asyncio.timeout(60):
        task_id = await service.submit(TASK)
        await cluster.looked.wait()

        await service.shard.cancel(task_id, "enough")
        view = await service.ended(task_id)

    assert view.status is RunStatus.CANCELLED
