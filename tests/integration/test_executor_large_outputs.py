"""Large outputs go from node to node by reference: the process of the executor never holds their bytes."""

import asyncio
from typing import Any

import psutil
import pytest
import ray
import sample_agents as s
from attempts import output_of

pytestmark = pytest.mark.ray
SIZE = 30_000_000


@pytest.mark.parametrize("maker", [s.makes, s.makes_in_host])
async def test_two_agents_on_other_nodes_pass_bytes_that_the_executor_never_sees(
    attempts_with: Any, cluster: Any, maker: Any
):
    attempts = attempts_with(maker, s.reads)
    assert (await attempts.run(s.reads, text="", on=cluster.gpu))["where"] == cluster.gpu  # all is warm now
    before = psutil.Process().memory_info().rss

    made = attempts.start(maker, size=SIZE, on=cluster.cpu2)
    ended = await attempts.ended(made)
    read = await attempts.run(s.reads, text=output_of(made, "text"), on=cluster.gpu)

    assert ended.by_reference
    assert ended.output_bytes > SIZE
    assert read == {"where": cluster.gpu, "length": SIZE}
    assert psutil.Process().memory_info().rss - before < SIZE / 3
    reference = attempts.executor._outputs._kept(attempts.task, made)
    held_by = ray.experimental.get_object_locations([reference])[reference]["node_ids"]
    assert set(held_by) <= {cluster.cpu2, cluster.gpu}
    assert cluster.cpu not in held_by


async def test_released_tasks_leave_no_object_behind(attempts_with: Any, cluster: Any):
    attempts = attempts_with(s.makes, s.makes_in_host, s.publishes, s.waits)
    await attempts.executor.prepare([cluster.cpu])
    before = _references()

    for agent in (s.makes, s.makes_in_host):
        await attempts.run(agent, size=100_000)
    await attempts.run(s.publishes, path="/nowhere", text="x")
    await attempts.started(attempts.start(s.waits))
    assert _references() > before
    attempts.executor.release(attempts.task)
    attempts.reports.clear()

    async with asyncio.timeout(120):
        while _references() > before:  # noqa: ASYNC110 - Ray tells nobody when it has freed an object
            await asyncio.sleep(0.05)


def _references() -> int:
    return len(ray._private.worker.global_worker.core_worker.get_all_reference_counts())
