"""A run counts its seconds on from admission whatever the wall clock does."""

import time

from shard_news import told
from shards import a_shard

from actors.executor.stub import StubExecutor
from planners.agents import AgentSpec, Catalog
from planners.tasks import Task
from reconciler.state.commands import RunStatus

SIMULATED = {"kind": "async", "target": "actors.simulated:simulated"}
CATALOG = Catalog(
    agents=(
        AgentSpec(name="lists", capability="list", settings={"duration_s": 0, "output": [1, 2]}, **SIMULATED),
        AgentSpec(name="naps", capability="nap", settings={"duration_s": 0}, **SIMULATED),
    )
)
TASK = Task.model_validate(
    {
        "workflow": {
            "steps": [
                {"id": "items", "capability": "list"},
                {"id": "nap", "capability": "nap"},
                {"id": "each", "for_each": "$steps.items", "steps": [{"id": "rest", "capability": "nap"}]},
            ]
        },
        "planning": {"mode": "wait"},
    }
)


async def test_a_run_is_planned_anew_after_the_wall_clock_has_stepped_back(tmp_path, monkeypatch):
    back_s = 0.0
    monkeypatch.setattr("shards.WallClock.now_s", lambda _: time.time() - back_s)
    executor = StubExecutor(CATALOG)
    executor.hold("lists")
    executor.hold("naps")
    async with a_shard(CATALOG, tmp_path, executor=executor) as service:
        task_id = await service.submit(TASK)
        await told(service, task_id, "attempt_dispatched", step="items")
        await told(service, task_id, "attempt_dispatched", step="nap")
        back_s = 3600.0
        executor.resume("lists")
        await told(service, task_id, "attempt_finished")
        executor.resume("naps")
        view = await service.shard.wait(task_id, 30.0)

    assert view.status is RunStatus.SUCCEEDED
