"""What the service did is not the agent's failure: a step that a restart cut off has its tries left."""

import pytest
import sample_agents as s
from ray_shards import dispatched, ended, one_step
from shards import a_shard

from actors.catalog import catalog_of
from actors.executor.stub import StubExecutor
from planners.agents import Catalog, Effect, Retry
from reconciler.state.commands import RunStatus

GUARD_S = 120.0
ONCE = catalog_of(s.add).by_name["add"].model_copy(update={"retry": Retry(max_attempts=1), "effect": Effect.IDEMPOTENT})
CATALOG = Catalog(agents=(ONCE,))


@pytest.mark.parametrize("restarts", [1, 3])
async def test_an_idempotent_step_with_one_try_survives_restarts(tmp_path, restarts):
    task_id = None
    for _ in range(restarts):
        executor = StubExecutor(CATALOG)
        executor.hold("add")
        async with a_shard(CATALOG, tmp_path, executor=executor) as service:
            if task_id is None:
                task_id = await service.submit(one_step("add", CATALOG, a=1))
            await dispatched(service, task_id, GUARD_S)

    async with a_shard(CATALOG, tmp_path) as service:
        view = await ended(service, task_id, GUARD_S)

    assert (view.status, view.outputs) == (RunStatus.SUCCEEDED, {"only": 2})
