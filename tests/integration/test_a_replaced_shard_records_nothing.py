"""A shard that was replaced while it still ran, as after a network partition, leaves its tasks to its successor."""

import pytest
import sample_agents as s
from ray_shards import dispatched, ended, one_step
from shards import a_shard

from actors.catalog import catalog_of
from actors.executor.stub import StubExecutor
from planners.agents import Catalog, Effect
from reconciler.errors import JournalUnavailable
from reconciler.state.commands import RunStatus

GUARD_S = 10.0
CATALOG = Catalog(agents=(catalog_of(s.add).by_name["add"].model_copy(update={"effect": Effect.IDEMPOTENT}),))


async def test_a_task_that_two_shards_drive_ends_as_the_later_one_says(tmp_path):
    held = StubExecutor(CATALOG)
    held.hold("add")
    async with a_shard(CATALOG, tmp_path, executor=held) as replaced:
        task_id = await replaced.submit(one_step("add", CATALOG, a=1))
        await dispatched(replaced, task_id, GUARD_S)
        async with a_shard(CATALOG, tmp_path) as successor:
            view = await ended(successor, task_id, GUARD_S)
            held.resume("add")
            with pytest.raises(JournalUnavailable, match="another process has taken over shard 0"):
                await replaced.submit(one_step("add", CATALOG, a=2))
            recorded = await successor.shard.show(task_id)

    assert (view.status, view.outputs) == (RunStatus.SUCCEEDED, {"only": 2})
    assert recorded == view
