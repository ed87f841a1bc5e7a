"""A shard that was replaced while it still ran, as after a network partition, leaves its tasks to its successor."""

import asyncio

import pytest
import sample_agents as s
from attempts import until
from ray_shards import dispatched, ended, one_step
from shards import a_shard

from actors.catalog import catalog_of
from actors.executor.stub import StubExecutor
from planners.agents import Catalog, Effect
from reconciler.errors import JournalUnavailable
from reconciler.state.commands import RunStatus

GUARD_S = 120.0
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


async def test_whoever_follows_a_task_at_the_replaced_shard_is_not_answered_again_and_again(tmp_path):
    """It drives the task no more, and knows of its end only by the journal."""
    held = StubExecutor(CATALOG)
    held.hold("add")
    async with a_shard(CATALOG, tmp_path, executor=held) as replaced:
        task_id = await replaced.submit(one_step("add", CATALOG, a=1))
        await dispatched(replaced, task_id, GUARD_S)
        still_held = StubExecutor(CATALOG)
        still_held.hold("add")
        async with a_shard(CATALOG, tmp_path, executor=still_held) as successor:
            await dispatched(successor, task_id, GUARD_S)
            held.resume("add")
            await until(lambda: replaced.shard.live == 0, within_s=GUARD_S)
            seen = 1_000  # what it had recorded last was refused, and nobody has recorded so much

            asked = [
                asyncio.ensure_future(replaced.shard.events(task_id, seen, GUARD_S)),
                asyncio.ensure_future(replaced.shard.wait(task_id, GUARD_S)),
            ]
            answered, _ = await asyncio.wait(asked, timeout=0.2, return_when=asyncio.FIRST_COMPLETED)
            assert not answered

            still_held.resume("add")
            await ended(successor, task_id, GUARD_S)
            while not (await replaced.shard.events(task_id, seen, GUARD_S)).ended:
                pass
            assert (await replaced.shard.wait(task_id, GUARD_S)).status is RunStatus.SUCCEEDED
            await asyncio.gather(*asked)
