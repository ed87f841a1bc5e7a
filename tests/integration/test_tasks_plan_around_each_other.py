"""Two tasks that want the same kind of node: the second is planned around what the first has reserved."""

import asyncio

from attempts import until
from shards import a_shard

from planners.agents import AgentSpec, Catalog
from planners.model import StepId
from planners.resources import Resources
from planners.tasks import Mode, PlanningOptions, Task
from planners.workflow import Step, Workflow

LONG = AgentSpec(
    name="long",
    capability="compute",
    kind="async",
    target="sample_agents:waits",
    resources=Resources(cpus=2),
    expected_s=20.0,
)
# Agents that hold back until told: what is planned meanwhile sees them at work.
TASK = Task(
    workflow=Workflow(steps=(Step(id=StepId("only"), capability="compute"),)), planning=PlanningOptions(mode=Mode.WAIT)
)


async def test_the_second_task_goes_to_the_node_that_the_first_has_left_free(tmp_path):
    async with a_shard(Catalog(agents=(LONG,)), tmp_path) as service:
        service.executor.hold("long")
        first = await service.submit(TASK)
        await until(lambda: bool(service.shard.cluster().reservations))
        second = await service.submit(TASK)
        await until(lambda: len(service.shard.cluster().reservations) == 2)

        (held,) = service.planners.asked[1].cluster.reservations
        assert service.planners.asked[0].cluster.reservations == ()
        assert held.resources == LONG.resources
        assert 10.0 < held.end_s <= 20.0
        nodes = [(await service.shard.plans(task)).optimal.steps[0].placement.node for task in (first, second)]
        assert sorted(nodes) == ["n1", "n2"]
        assert nodes[0] == held.node

        for task in (first, second):
            await service.shard.cancel(task)
        await asyncio.gather(*(service.ended(task) for task in (first, second)))
        assert service.shard.cluster().reservations == ()
