"""What a task returns is lost after its last step has finished and before anybody has read it: it is made again."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sample_agents as s
from shards import a_shard

from actors.catalog import catalog_of
from actors.executor.ray_cluster import RayCluster
from actors.executor.ray_executor import RayExecutor
from actors.executor.stub import StubExecutor
from planners.agents import Catalog
from planners.resources import Resources
from planners.tasks import Task
from reconciler.state.commands import RunStatus

CATALOG = catalog_of(s.makes_in_host)
# Ray keeps smaller ones in the process of the executor.
ON_ITS_NODE = 300_000


def a_task(size: int = 1000, **more: Any) -> Task:
    steps = [{"id": "make", "capability": "make", "inputs": {"size": size}}]
    return Task.model_validate({"workflow": {"steps": steps, **more}, "planning": {"mode": "wait"}})


class _LosesOutputs(StubExecutor):
    """Loses the large outputs that are there, as often as told: their node has left the cluster."""

    def __init__(self, times: int) -> None:
        super().__init__(CATALOG, inline_bytes=200)
        self._left = times

    async def value(self, task: Any, source: Any) -> Any:
        if self._left:
            self._left -= 1
            self._outputs.release(task)
        return await super().value(task, source)


async def test_the_step_runs_again_and_the_task_succeeds(tmp_path):
    async with a_shard(CATALOG, tmp_path, executor=_LosesOutputs(1)) as service:
        task_id = await service.submit(a_task())
        view = await service.ended(task_id)
        events = (await service.shard.events(task_id)).events

    assert (view.status, view.failure) == (RunStatus.SUCCEEDED, None)
    assert view.outputs["make"]["text"] == "x" * 1000
    assert sum(event.kind == "attempt_finished" for event in events) == 2


async def test_a_task_whose_outputs_are_lost_each_time_fails_in_the_end(tmp_path):
    async with a_shard(CATALOG, tmp_path, executor=_LosesOutputs(1_000)) as service:
        view = await service.ended(await service.submit(a_task()))

    assert view.status is RunStatus.FAILED
    assert "is gone" in view.failure.message or "not available" in view.failure.message
    assert view.failure.fix == "submit the task again"


async def test_an_output_without_the_part_that_the_task_returns_is_not_made_again(tmp_path):
    async with a_shard(CATALOG, tmp_path, executor=StubExecutor(CATALOG, inline_bytes=200)) as service:
        task_id = await service.submit(a_task(outputs={"made": "$steps.make.words"}))
        view = await service.ended(task_id)
        events = (await service.shard.events(task_id)).events

    assert view.status is RunStatus.FAILED
    assert "bind workflow.outputs" in view.failure.fix
    assert sum(event.kind == "attempt_finished" for event in events) == 1


class _NodeGoes(RayExecutor):
    """The node on which the last attempt ran leaves the cluster when the task has succeeded, and not before."""

    def __init__(self, remove: Callable[[str], None], catalog: Catalog, **options: Any) -> None:
        super().__init__(catalog, inline_bytes=200, heartbeat_timeout_s=1.0, **options)
        self._remove: Callable[[str], None] | None = remove
        self.nodes: list[str] = []

    def dispatch(self, task: Any, order: Any, report: Any) -> None:
        self.nodes.append(order.node)
        super().dispatch(task, order, report)

    async def value(self, task: Any, source: Any) -> Any:
        if self._remove is not None:
            remove, self._remove = self._remove, None
            await asyncio.to_thread(remove, self.nodes[-1])
        return await super().value(task, source)


@pytest.mark.ray
async def test_an_output_that_went_with_its_node_is_made_again_on_another(cluster: Any, tmp_path: Path):
    catalog = Catalog(
        agents=tuple(
            agent.model_copy(update={"resources": Resources(custom={"scope": 1.0})})
            for agent in catalog_of(s.makes).agents
        )
    )
    here = [cluster.add(resources={"scope": 1}) for _ in range(2)]
    executor = _NodeGoes(cluster.remove, catalog)
    nodes = RayCluster(on_lost=executor.forget_node, refresh_s=0.1)
    async with a_shard(catalog, tmp_path, executor=executor, cluster=nodes, on_close=(executor.close,)) as service:
        async with asyncio.timeout(60):
            while not {*here} <= {*nodes.snapshot().by_id}:
                await nodes.refresh()
        await nodes.start()
        view = await service.ended(await service.submit(a_task(ON_ITS_NODE)))
        await nodes.stop()
    (other,) = {*here} - {executor.nodes[0]}
    await asyncio.to_thread(cluster.remove, other)

    assert (view.status, view.failure) == (RunStatus.SUCCEEDED, None)
    assert set(executor.nodes) == set(here)
