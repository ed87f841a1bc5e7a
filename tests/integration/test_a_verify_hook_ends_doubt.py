"""An irreversible agent dies in its act, and its verify hook says whether the act happened."""

from pathlib import Path
from typing import Any

import misbehaving_agents as m
import pytest
from attempts import GUARD_S
from ray_shards import a_ray_shard, ended, one_step

from actors.catalog import catalog_of
from reconciler.state.commands import RunStatus

pytestmark = pytest.mark.ray

CATALOG = catalog_of(m.dies_after_its_act, m.dies_before_its_act)


async def test_an_act_that_happened_is_not_repeated_and_the_task_succeeds(cluster: Any, tmp_path: Path):
    async with a_ray_shard(CATALOG, tmp_path, cluster.cpu2) as service:
        view = await ended(service, await service.submit(one_step("dies_after_its_act", CATALOG)), GUARD_S)

    assert (view.status, view.outputs) == (RunStatus.SUCCEEDED, {"only": "acted"})


async def test_an_act_that_did_not_happen_is_tried_again(cluster: Any, tmp_path: Path):
    witness = tmp_path / "calls"
    async with a_ray_shard(CATALOG, tmp_path, cluster.cpu2) as service:
        task = one_step("dies_before_its_act", CATALOG, witness=str(witness))
        view = await ended(service, await service.submit(task), GUARD_S)

    assert (view.status, view.outputs) == (RunStatus.SUCCEEDED, {"only": "acted at the second try"})
    assert witness.read_bytes() == b".."
