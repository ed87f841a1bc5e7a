"""An agent that is slow because its node is: the outcome says what a node of speed 1 would have taken."""

import pytest
from shards import NODES, a_shard

from planners.agents import AgentSpec, Catalog
from planners.resources import Resources
from planners.tasks import Task
from planners.workflow import Step, Workflow

AGENT = AgentSpec(
    name="echo-agent",
    capability="echo",
    kind="async",
    target="actors.simulated:simulated",
    resources=Resources(),
    settings={"duration_s": 0.0},
)


async def test_outcomes_hold_the_speed_of_the_node_they_were_measured_on(tmp_path):
    slow = NODES.model_copy(update={"nodes": tuple(n.model_copy(update={"speed": 0.5}) for n in NODES.nodes)})

    async with a_shard(Catalog(agents=(AGENT,)), tmp_path, cluster=slow) as service:
        view = await service.ended(
            await service.submit(Task(workflow=Workflow(steps=(Step(id="a", capability="echo"),))))
        )

    assert view.status == "succeeded"
    (outcome,) = service.seen.outcomes
    assert outcome.speed == 0.5
    assert outcome.work_s == pytest.approx(outcome.seconds / 2)
