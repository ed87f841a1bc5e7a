"""What an agent tells while it runs reaches events, changes and timeline at once, and stays when the run has ended."""

from pathlib import Path

import printing_agents as p
from shards import Service, a_shard

from actors.catalog import catalog_of
from planners.model import TaskId
from planners.tasks import Task
from reconciler.views.models import StoredEvent, TimelineBar

CATALOG = catalog_of(p.tells_progress_in_host)


def task(release: Path) -> Task:
    steps = [{"id": "a", "capability": "print", "inputs": {"release": str(release)}}]
    return Task.model_validate({"workflow": {"steps": steps}})


async def told(service: Service, task_id: TaskId, kind: str) -> list[StoredEvent]:
    """The events of a kind, once there is one."""
    events: list[StoredEvent] = []
    after = 0
    while not any(event.kind == kind for event in events):
        page = await service.shard.events(task_id, after, 30.0)
        assert not page.ended, f"the run has ended without {kind}"
        events += page.events
        after = events[-1].seq if events else 0
    return [event for event in events if event.kind == kind]


async def bar_of(service: Service, task_id: TaskId) -> TimelineBar:
    (bar,) = (await service.shard.timeline(task_id)).bars
    return bar


async def test_progress_is_an_event_and_on_the_timeline_while_the_agent_runs(tmp_path: Path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(task(tmp_path / "release"))
        (progressed,) = await told(service, task_id, "attempt_progressed")
        (shown,) = await told(service, task_id, "artefact_shown")
        running, changes = await bar_of(service, task_id), await service.shard.changes(task_id, shown.seq - 1, 5.0)
        (tmp_path / "release").touch()
        await service.ended(task_id)
        ended = await bar_of(service, task_id)

    assert progressed.data["message"] == "reads"
    assert progressed.data["done"] == 0.25
    assert (shown.data["name"], shown.data["content"]) == ("preview", "half a table")
    assert running.ended_s is None
    assert running.progress is not None
    assert (running.progress.message, running.progress.done) == ("reads", 0.25)
    assert running.progress.artefacts == ("preview",)
    assert changes.bars == (running,)
    assert ended.progress is not None
    assert (ended.progress.message, ended.progress.done) == ("writes", 1.0)


async def test_progress_before_a_restart_is_still_known_after_it(tmp_path: Path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(task(tmp_path / "release"))
        await told(service, task_id, "attempt_progressed")
    async with a_shard(CATALOG, tmp_path) as service:
        (tmp_path / "release").touch()
        await service.ended(task_id)
        bars = (await service.shard.timeline(task_id)).bars

    assert [bar.progress.message for bar in bars if bar.progress is not None]
