"""A restart of a shard loses large outputs, which are made again; what was staged is promoted, and only once."""

import asyncio
import re
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
CATALOG = Catalog(agents=(*catalog_of(s.makes_in_host, s.publishes_by_appending, s.publishes_never).agents, ECHO))


def a_task(*steps: dict[str, Any], **more: Any) -> Task:
    return Task.model_validate({"workflow": {"steps": steps, **more}, "planning": {"mode": "wait"}})


async def _told(service: Service, task_id: TaskId, kind: str, **data: Any) -> None:
    """Return when this has happened."""
    seen = 0
    while True:
        page = await service.shard.events(task_id, seen, 5.0)
        seen += len(page.events)
        if any(event.kind == kind and data.items() <= event.data.items() for event in page.events):
            return
        assert not page.ended


class _Cut(StubExecutor):
    """Promotions begin and do not end: they are cut off by the restart."""

    async def _promote(self, *_: Any) -> None:
        await asyncio.Event().wait()


async def _restarted(task: Task, folder: Path, *, executor: StubExecutor | None = None, before: str = "") -> TaskView:
    """The end of a task whose shard was restarted while its last step, that of the echo, had not ended."""
    executor = executor or StubExecutor(CATALOG, inline_bytes=200)
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


def published(folder: Path) -> str:
    """What is out: the text, and the idempotency key of each promotion."""
    return (folder / "out").read_text()


async def test_effects_that_were_out_before_the_restart_are_not_repeated(tmp_path):
    inputs = {"path": str(tmp_path / "out"), "text": "x"}
    task = a_task({**PUBLISH, "agent": "publishes_by_appending", "inputs": inputs}, TELL)

    view = await _restarted(task, tmp_path, before="effect_out")

    assert (view.status, view.failure) == (RunStatus.SUCCEEDED, None)
    assert re.fullmatch(rf"x{view.id}\.1-[0-9a-f]{{16}}", published(tmp_path))


async def test_a_promotion_that_the_restart_cut_off_is_repeated_under_the_same_key(tmp_path):
    inputs = {"path": str(tmp_path / "out"), "text": "x"}
    task = a_task({**PUBLISH, "agent": "publishes_by_appending", "inputs": inputs}, TELL)

    view = await _restarted(task, tmp_path, executor=_Cut(CATALOG))

    assert (view.status, view.failure) == (RunStatus.SUCCEEDED, None)
    assert re.fullmatch(rf"x{view.id}\.1-[0-9a-f]{{16}}", published(tmp_path))


async def test_a_promotion_that_fails_after_the_restart_fails_the_task(tmp_path):
    inputs = {"path": str(tmp_path / "out")}
    task = a_task({**PUBLISH, "agent": "publishes_never", "inputs": inputs}, TELL)

    view = await _restarted(task, tmp_path, executor=_Cut(CATALOG))

    assert view.status is RunStatus.FAILED
    assert "publishes_never" in view.failure.message


async def test_a_large_output_that_only_the_task_returns_is_made_again(tmp_path):
    """All steps had finished, and the task waited for a promotion."""
    make = {"id": "make", "capability": "make", "inputs": {"size": 1000}}
    inputs = {"path": str(tmp_path / "out"), "text": "x"}
    publish = {**PUBLISH, "agent": "publishes_by_appending", "inputs": inputs, "after": ["make"]}
    async with a_shard(CATALOG, tmp_path, executor=_Cut(CATALOG, inline_bytes=200)) as service:
        task_id = await service.submit(a_task(make, publish, outputs={"make": "$steps.make"}))
        await _told(service, task_id, "attempt_finished", attempt=f"{task_id}.2")

    for executor in (_Cut(CATALOG, inline_bytes=200), StubExecutor(CATALOG, inline_bytes=200)):
        async with a_shard(CATALOG, tmp_path, executor=executor) as service:
            if isinstance(executor, _Cut):
                await _told(service, task_id, "attempt_finished", attempt=f"{task_id}.3")
            else:
                view = await service.ended(task_id)

    assert (view.status, view.failure) == (RunStatus.SUCCEEDED, None)
    assert view.outputs["make"]["text"] == "x" * 1000
    assert re.fullmatch(rf"x{task_id}\.2-[0-9a-f]{{16}}", published(tmp_path))
