"""An irreversible act that a restart cut off is in doubt: shown, never repeated, resolved by its hook or a person."""

from pathlib import Path
from typing import Any

import acting_agents as agents
import odd_agents
import pytest
from shard_news import told
from shards import Service, a_shard

from actors.catalog import catalog_of
from actors.executor.stub import StubExecutor
from planners.agents import Catalog
from planners.model import StepId, TaskId
from planners.tasks import Task
from reconciler.errors import NotInDoubt, UnknownStep
from reconciler.state.commands import RunStatus
from reconciler.state.waiting import WaitKind
from reconciler.views.models import TaskFilter

GUARD_S = 120.0
ACT = StepId("act")


def a_catalog(agent: Any, witness: Path) -> Catalog:
    acting, echo = catalog_of(agent, odd_agents.echoes).agents
    return Catalog(agents=(acting.model_copy(update={"settings": {"witness": str(witness)}}), echo))


def a_task(witness: Path) -> Task:
    steps = [
        {"id": "act", "capability": "act", "inputs": {"path": str(witness)}},
        {"id": "after", "capability": "echo", "inputs": {"x": "$steps.act"}},
        {"id": "beside", "capability": "echo", "inputs": {"x": 1}},
    ]
    return Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})


async def cut_off(catalog: Catalog, folder: Path, witness: Path) -> TaskId:
    """A task whose service ended while its act was under way."""
    executor = StubExecutor(catalog)
    executor.hold(catalog.by_capability["act"][0].name)
    async with a_shard(catalog, folder, executor=executor) as service:
        task_id = await service.submit(a_task(witness))
        await told(service, task_id, "attempt_dispatched", step="act")
    return task_id


async def in_doubt(service: Service, task_id: TaskId) -> None:
    """Return when nobody but a person can help any more."""
    await told(service, task_id, "attempt_verified", happened=None)
    await told(service, task_id, "attempt_dispatched", step="beside")


async def test_a_task_says_what_is_in_doubt_and_the_rest_of_it_goes_on(tmp_path):
    witness = tmp_path / "witness"
    catalog = a_catalog(agents.acts, witness)
    task_id = await cut_off(catalog, tmp_path, witness)

    async with a_shard(catalog, tmp_path) as service:
        await in_doubt(service, task_id)
        view = await service.shard.wait(task_id, 0.2)
        listed = await service.shard.list_tasks(10, where=TaskFilter(status=RunStatus.IN_DOUBT))
        timeline = await service.shard.timeline(task_id)

        assert view.status is RunStatus.IN_DOUBT
        assert [(doubt.step, doubt.agent, doubt.verifying) for doubt in view.in_doubt] == [("act", "acts", False)]
        assert (view.steps.finished, view.steps.in_doubt, view.steps.waiting) == (1, 1, 1)
        assert [task.id for task in listed.tasks] == [task_id]
        reasons = {reason.step: reason.kind for reason in view.waiting}
        assert reasons == {"act": WaitKind.RESOLUTION, "after": WaitKind.PARENTS}
        assert timeline.waiting == view.waiting
        assert {bar.status for bar in timeline.bars if bar.step == "act"} == {"in_doubt"}
        assert not witness.exists()


@pytest.mark.parametrize("restart", [False, True], ids=["in the same service", "which is then restarted"])
async def test_a_person_says_that_it_happened_and_what_it_returned(tmp_path, restart):
    witness = tmp_path / "witness"
    catalog = a_catalog(agents.acts, witness)
    task_id = await cut_off(catalog, tmp_path, witness)
    executor = StubExecutor(catalog)
    if restart:
        executor.hold("echoes")  # nothing ends before the restart
    async with a_shard(catalog, tmp_path, executor=executor) as service:
        await told(service, task_id, "attempt_verified", happened=None)
        await service.shard.resolve(task_id, ACT, {"receipt": 7}, happened=True, by="ada")
        if not restart:
            view = await service.ended(task_id)
    if restart:
        async with a_shard(catalog, tmp_path) as service:
            view = await service.ended(task_id)

    assert (view.status, view.outputs["after"]) == (RunStatus.SUCCEEDED, {"receipt": 7})
    assert not witness.exists()


async def test_a_person_says_that_it_did_not_happen_and_it_is_done(tmp_path):
    witness = tmp_path / "witness"
    catalog = a_catalog(agents.acts, witness)
    task_id = await cut_off(catalog, tmp_path, witness)

    async with a_shard(catalog, tmp_path) as service:
        await in_doubt(service, task_id)
        await service.shard.resolve(task_id, ACT, happened=False)
        view = await service.ended(task_id)

    assert (view.status, view.outputs["after"]) == (RunStatus.SUCCEEDED, "done")
    assert len(witness.read_text().splitlines()) == 1


@pytest.mark.parametrize("acted", [True, False])
async def test_the_agent_itself_says_whether_it_happened(tmp_path, acted):
    witness = tmp_path / "witness"
    catalog = a_catalog(agents.acts_and_can_tell, witness)
    task_id = await cut_off(catalog, tmp_path, witness)
    if acted:
        witness.write_text(f"{task_id}.1\n{task_id}.2\n{task_id}.3\n")
    lines = len(witness.read_text().splitlines()) if acted else 0

    async with a_shard(catalog, tmp_path) as service:
        view = await service.ended(task_id)

    assert (view.status, view.outputs["after"]) == (RunStatus.SUCCEEDED, "verified" if acted else "done")
    assert len(witness.read_text().splitlines()) == (lines if acted else 1)


async def test_only_what_is_in_doubt_can_be_resolved(tmp_path):
    witness = tmp_path / "witness"
    catalog = a_catalog(agents.acts, witness)
    task_id = await cut_off(catalog, tmp_path, witness)

    async with a_shard(catalog, tmp_path) as service:
        await in_doubt(service, task_id)
        with pytest.raises(NotInDoubt):
            await service.shard.resolve(task_id, StepId("beside"), happened=True)
        with pytest.raises(UnknownStep):
            await service.shard.resolve(task_id, StepId("nothing"), happened=True)
        await service.shard.cancel(task_id)
        with pytest.raises(NotInDoubt):
            await service.shard.resolve(task_id, ACT, happened=True)

        view = await service.shard.show(task_id)
        assert view.status is RunStatus.CANCELLED
        assert [doubt.step for doubt in view.in_doubt] == ["act"]
        assert "'act'" in view.failure.message
