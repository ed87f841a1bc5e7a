"""What can be repeated runs ahead of the disk: the number of fsyncs of a task does not grow with its steps."""

import pytest
import sample_agents as s
from odd_agents import echoes
from shards import Service, a_shard

from actors.catalog import catalog_of
from planners.agents import AgentSpec, Catalog
from planners.tasks import Task
from reconciler.state.commands import RunStatus

ACT = AgentSpec(
    name="acts",
    capability="act",
    effect="irreversible",
    kind="async",
    target="actors.simulated:simulated",
    settings={"duration_s": 0},
)
CATALOG = Catalog(agents=(*catalog_of(echoes, s.publishes).agents, ACT))
STEPS = 20


def a_chain(capability: str, count: int) -> Task:
    steps = [{"id": f"s{n}", "capability": capability, "after": [f"s{n - 1}"] if n else []} for n in range(count)]
    return Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})


async def commits(service: Service, task: Task) -> int:
    before = service.shard._journal.commits
    view = await service.ended(await service.submit(task))
    assert view.status is RunStatus.SUCCEEDED
    return service.shard._journal.commits - before


async def test_pure_steps_wait_for_no_fsync(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        # All of the run's events but the last may gather while the admission is being written.
        few = await commits(service, a_chain("echo", STEPS))

    assert few < STEPS


@pytest.mark.parametrize("count", [1, 5])
async def test_every_irreversible_step_is_on_disk_before_it_acts(tmp_path, count):
    async with a_shard(CATALOG, tmp_path) as service:
        assert await commits(service, a_chain("act", count)) > count
