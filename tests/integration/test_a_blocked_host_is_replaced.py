"""An async agent that blocks its event loop costs other tasks time, and never their end."""

from pathlib import Path
from typing import Any

import misbehaving_agents as m
import pytest
from attempts import GUARD_S
from ray_shards import a_ray_shard, dispatched, ended, one_step

from actors.catalog import catalog_of
from reconciler.state.commands import RunStatus

pytestmark = pytest.mark.ray

CATALOG = catalog_of(m.innocent, m.blocks_its_loop)
# A hang guard: starting a process on a busy machine takes its time.
REPLACED_S = 120.0


async def test_tasks_of_others_end_well_beside_an_agent_that_blocks(cluster: Any, tmp_path: Path):
    async with a_ray_shard(CATALOG, tmp_path, cluster.cpu2) as service:
        under_way = await service.submit(one_step("innocent", CATALOG, seconds=1.0))
        await dispatched(service, under_way, GUARD_S)
        blocking = await service.submit(one_step("blocks_its_loop", CATALOG))
        await dispatched(service, blocking, GUARD_S)
        later = await service.submit(one_step("innocent", CATALOG, seconds=0.0))

        assert (await ended(service, under_way, REPLACED_S)).outputs == {"only": "innocent"}
        assert (await ended(service, later, REPLACED_S)).outputs == {"only": "innocent"}
        assert (await ended(service, blocking, REPLACED_S)).status is RunStatus.FAILED
