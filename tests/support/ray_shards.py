"""A whole shard in this process whose agents run on the test cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from shards import Service, a_shard

from actors.executor.ray_executor import RayExecutor
from planners.agents import Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.model import TaskId
from planners.resources import Resources
from planners.tasks import Task
from reconciler.views.models import TaskView


@asynccontextmanager
async def a_ray_shard(catalog: Catalog, folder: Path, node: str) -> AsyncIterator[Service]:
    """Like `a_shard`, but every agent runs on this one node."""
    executor = RayExecutor(catalog, heartbeat_timeout_s=1.0)
    one = ClusterSnapshot(nodes=(ClusterNode(id=node, node_class="cpu", total=Resources(cpus=2)),))
    async with a_shard(catalog, folder, executor=executor, cluster=one, on_close=(executor.close,)) as service:
        yield service


def one_step(agent: str, catalog: Catalog, **inputs: Any) -> Task:
    """A task of one step, planned before it starts."""
    step = {"id": "only", "capability": catalog.by_name[agent].capability, "agent": agent, "inputs": inputs}
    return Task.model_validate({"workflow": {"steps": [step]}, "planning": {"mode": "wait"}})


async def dispatched(service: Service, task_id: TaskId, within_s: float) -> None:
    """Return when an agent of the task has been called."""
    seen = 0
    async with asyncio.timeout(within_s):
        while True:
            page = await service.shard.events(task_id, seen, 5.0)
            seen += len(page.events)
            if any(event.kind == "attempt_dispatched" for event in page.events):
                return
            assert not page.ended


async def ended(service: Service, task_id: TaskId, within_s: float) -> TaskView:
    """The task when it has ended. One that takes longer fails the test."""
    view = await service.shard.wait(task_id, within_s)
    assert view.status.ended, f"{task_id} has not ended"
    return view
