"""An agent that ends the process of its host fails its own task, and no other."""

from pathlib import Path
from typing import Any

import misbehaving_agents as m
import pytest
from attempts import GUARD_S
from ray_shards import a_ray_shard, dispatched, ended, one_step

from actors.catalog import catalog_of
from reconciler.state.commands import RunStatus

pytestmark = pytest.mark.ray

CATALOG = catalog_of(m.innocent, m.exits_its_process)


async def test_the_exit_of_one_agent_fails_no_task_of_its_neighbours(cluster: Any, tmp_path: Path):
    async with a_ray_shard(CATALOG, tmp_path, cluster.cpu2) as service:
        innocent = await service.submit(one_step("innocent", CATALOG, seconds=1.5))
        await dispatched(service, innocent, GUARD_S)
        guilty = await service.submit(one_step("exits_its_process", CATALOG))

        blamed, spared = await ended(service, guilty, GUARD_S), await ended(service, innocent, GUARD_S)

    assert blamed.status is RunStatus.FAILED
    assert "exits_its_process" in blamed.failure.message
    assert (spared.status, spared.outputs) == (RunStatus.SUCCEEDED, {"only": "innocent"})
