"""A batch agent has one process on a node, which holds its share of a GPU; waiting calls reach it together."""

import asyncio
from typing import Any

import pytest
import sample_agents as s

from actors.catalog import parse_catalog
from reconciler.state.handoff import Failure

pytestmark = pytest.mark.ray

ENTRY = {"name": "where", "capability": "c", "kind": "batch", "target": "batching_agents:where"}
AGENT = parse_catalog({"agents": [{**ENTRY, "resources": {"gpus": 0.5}, "settings": {"max_batch": 16}}]}).agents[0]


async def test_waiting_calls_share_a_process_with_a_fraction_of_a_gpu(attempts_with: Any, cluster: Any):
    attempts = attempts_with(AGENT, s.where_is_the_gpu)
    first = await attempts.run("where", on=cluster.gpu, number=0)  # the process starts

    found = await asyncio.gather(*(attempts.run("where", on=cluster.gpu, number=number) for number in range(64)))

    assert not [one for one in (first, *found) if isinstance(one, Failure)]
    assert {one["pid"] for one in found} == {first["pid"]}
    assert {one["gpus"] for one in found} == {first["gpus"]} != {""}
    assert max(one["batch"] for one in found) == 16
    assert len(found) / sum(1 / one["batch"] for one in found) > 4  # calls in a batch, on average
    held = attempts.executor.held()[cluster.gpu]
    assert (held.running.gpus, held.waiting.gpus) == (0.5, 0.0)


async def test_a_process_without_calls_frees_its_gpu_and_the_next_call_starts_another(attempts_with: Any, cluster: Any):
    settings = {**AGENT.settings, "release_after_s": 0.5}
    attempts = attempts_with(AGENT.model_copy(update={"settings": settings}))
    first = await attempts.run("where", on=cluster.gpu, number=0)

    async with asyncio.timeout(60):
        while cluster.gpu in attempts.executor.held():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    assert ("where", cluster.gpu) not in attempts.executor.warm()
    second = await attempts.run("where", on=cluster.gpu, number=1)

    assert not isinstance(second, Failure), second
    assert second["pid"] != first["pid"]
