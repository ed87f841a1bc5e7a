"""A task whose staged effects cannot be let out has failed, and says what of; one whose effects come late ends late."""

from typing import Any

import pytest
import sample_agents as s
from shards import a_shard

from actors.catalog import catalog_of
from planners.bindings import Value
from planners.model import StepId
from planners.tasks import Mode, PlanningOptions, Task
from planners.workflow import Step, Workflow


def a_task(agent: Any, path: str) -> Task:
    step = Step(id=StepId("only"), capability="publish", agent=agent.__name__, inputs={"path": Value(value=path)})
    return Task(workflow=Workflow(steps=(step,)), planning=PlanningOptions(mode=Mode.WAIT))


@pytest.mark.parametrize("agent", [s.publishes_at_the_third_go, s.publishes_never])
async def test_a_task_ends_as_its_effects_do(tmp_path, agent):
    target = tmp_path / "out"
    async with a_shard(catalog_of(agent), tmp_path) as service:
        view = await service.ended(await service.submit(a_task(agent, str(target))))

    assert target.exists() == (view.status == "succeeded")
    if agent is s.publishes_never:
        assert view.status == "failed"
        assert "promoting the staged output of agent" in view.failure.message
        assert "try 2 went wrong" in view.failure.message
    else:
        assert view.failure is None
