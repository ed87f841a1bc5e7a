"""A restart of a shard loses large outputs, which are made again, and what was staged, which fails the task."""

from pathlib import Path
from typing import Any

import pytest
import sample_agents as s
from shards import Service, a_shard

from actors.catalog import catalog_of
from actors.executor.stub import StubExecutor
from planners.agents import AgentSpec, Catalog
from planners.model import TaskId
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.views.models import TaskView

ECHO = AgentSpec(
    name="echo", capability="echo", kind="async", target="actors.simulated:simulated", settings={"duration_s": 0}
)
CATALOG = Catalog(agents=(*catalog_of(s.makes_in_host, s.publishes, s.publishes_never).agents, ECHO))


def a_task(*steps: dict[str, Any]) -> Task:
    return Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})


async def _told(service: Service, task_id: TaskId, kind: str, **data: Any) -> None:
    """Return when this has happened."""
    seen = 0
    while True:
        page = await service.shard.events(task_id, seen, 5.0)
        seen += len(page.events)
        if any(event.kind == kind and data.items() <= event.data.items() for event in page.events):
            return
        assert not page.ended


async def _restarted(task: Task, folder: Path, *, before: str = "") -> TaskView:
    """The end of a task whose shard was restarted while its last step, that of the echo, had not ended."""
    executor = StubExecutor(CATALOG, inline_bytes=200)
    executor.hold("echo")
    async with a_shard(CATALOG, folder, executor=executor) as service:
        task_id = await service.submit(task)
        await _told(service, task_id, "attempt_dispatched", agent="echo")
        if before:
            await _told(service, task_id, before)
    async with a_shard(CATALOG, folder) as service:
        return await service.ended(task_id)


@pytest.mark.parametrize("size", [1, 1000])
async def test_no_step_reads_nothing_in_place_of_an_output(tmp_path, size):
    """A small output is in the journal; a large one is gone and made again."""
    make = {"id": "make", "capability": "make", "inputs": {"size": size}}
    tell = {"id": "tell", "capability": "echo", "inputs": {"text": "$steps.make"}}

    view = await _restarted(a_task(make, tell), tmp_path)

    assert view.status is RunStatus.SUCCEEDED
    assert view.outputs["tell"]["text"]["text"] == "x" * size


PUBLISH = {"id": "publish", "capability": "publish"}
TELL = {"id": "tell", "capability": "echo", "inputs": {"text": "$steps.publish"}}


async def test_a_task_whose_effects_were_out_before_the_restart_ends_well(tmp_path):
    inputs = {"path": str(tmp_path / "out"), "text": "x"}

    view = await _restarted(
        a_task({**PUBLISH, "agent": "publishes", "inputs": inputs}, TELL), tmp_path, before="effect_out"
    )

    assert (view.status, view.failure) == (RunStatus.SUCCEEDED, None)
    assert (tmp_path / "out").read_bytes().startswith(b"x")


async def test_a_task_whose_effects_went_with_the_restart_has_not_succeeded(tmp_path):
    inputs = {"path": str(tmp_path / "out")}

    view = await _restarted(a_task({**PUBLISH, "agent": "publishes_never", "inputs": inputs}, TELL), tmp_path)

    assert view.status is RunStatus.FAILED
    assert "'publish'" in view.failure.message
    assert "restart" in view.failure.message
