"""An acknowledged task ends exactly once: whatever breaks on the way, and however often it is handed in at once."""

import asyncio
import time
from typing import Any

import pytest
import sample_agents as s
from shards import a_shard

from actors.catalog import catalog_of
from actors.errors import OutputGone
from actors.executor.stub import StubExecutor
from planners.bindings import Value
from planners.model import StepId, TaskId
from planners.tasks import AdmittedTask, Limits, Mode, PlanningOptions, Task
from planners.workflow import Step, Workflow
from reconciler.errors import OutputNotReady
from reconciler.journal import Journal
from reconciler.state.commands import RunStatus
from reconciler.state.run import RunState
from reconciler.views.models import TaskFilter

CATALOG = catalog_of(s.add, s.waits)
GUARD_S = 120.0


def a_task(agent: str = "add", mode: Mode = Mode.WAIT, **inputs: Any) -> Task:
    capability = CATALOG.by_name[agent].capability
    bound = {name: Value(value=value) for name, value in inputs.items()}
    step = Step(id=StepId("only"), capability=capability, agent=agent, inputs=bound)
    return Task(workflow=Workflow(steps=(step,)), planning=PlanningOptions(mode=mode))


class _Unreadable(StubExecutor):
    """What the task returns cannot be fetched, and not for a reason that anybody foresaw."""

    async def value(self, task: Any, source: Any) -> Any:
        raise ConnectionResetError("the object store has gone")


async def test_a_run_whose_outputs_cannot_be_fetched_has_failed(tmp_path):
    async with a_shard(CATALOG, tmp_path, executor=_Unreadable(CATALOG)) as service:
        task_id = await service.submit(a_task(a=1))
        view = await service.ended(task_id)

        assert view.status is RunStatus.FAILED
        assert "the object store has gone" in view.failure.message
        assert view.ended_s is not None
        assert service.shard.live == 0
        assert [view.id for view in service.seen.views] == [task_id]
        page = await service.shard.events(task_id)
        assert page.ended
        assert page.events[-1].kind == "run_ended"


async def test_a_run_on_which_the_policy_stumbles_has_failed(tmp_path, monkeypatch):
    def stumbles(run: RunState, event: Any) -> None:
        raise KeyError("s1")

    async with a_shard(CATALOG, tmp_path) as service:
        monkeypatch.setattr(RunState, "handle", stumbles)
        view = await service.ended(await service.submit(a_task(a=1)))

    assert view.status is RunStatus.FAILED
    assert view.failure.error_type == "KeyError"


async def test_a_run_that_cannot_be_taken_up_has_failed_and_the_others_go_on(tmp_path, monkeypatch):
    async with a_shard(CATALOG, tmp_path) as service:
        broken, sound = await service.submit(a_task("waits")), await service.submit(a_task("waits"))
    read = Journal.events

    def unreadable(journal: Journal, task: TaskId, *more: Any, **named: Any) -> Any:
        if task == broken:
            raise ValueError("no JSON")
        return read(journal, task, *more, **named)

    monkeypatch.setattr(Journal, "events", unreadable)
    async with a_shard(CATALOG, tmp_path) as service:
        assert (await service.ended(broken)).status is RunStatus.FAILED
        assert (await service.shard.cancel(sound)).status is RunStatus.CANCELLED


def keyed(task: Task, task_id: str, key: str = "k") -> AdmittedTask:
    return AdmittedTask(id=TaskId(task_id), task=task, submitted_at_s=time.time(), idempotency_key=key)


@pytest.mark.parametrize("ids", [("ta", "ta", "ta"), ("ta", "tb", "tc")])
async def test_the_same_key_many_times_at_once_is_one_task(tmp_path, ids):
    """An id is the millisecond and the digest of the key, so two of a millisecond have the same."""
    async with a_shard(CATALOG, tmp_path) as service:
        task = a_task("waits", seconds=0.1)
        views = await asyncio.gather(*(service.shard.submit(keyed(task, task_id)) for task_id in ids))

        assert {view.id for view in views} == {"ta"}
        assert service.shard.live == 1
        ended = await asyncio.wait_for(service.ended(views[0].id), GUARD_S)
        assert ended.outputs == {"only": "waited"}
        assert len((await service.shard.list_tasks(10)).tasks) == 1


class _Lost(StubExecutor):
    """Outputs are gone."""

    async def value(self, task: Any, source: Any) -> Any:
        raise OutputGone("the node that held it has left")


async def test_the_output_of_a_running_task_that_was_lost_is_not_ready(tmp_path):
    """Not a 500: it is made again where it is needed."""
    executor = _Lost(CATALOG)
    executor.hold("waits")
    steps = [{"id": "a", "capability": "add", "agent": "add", "inputs": {"a": 1}}]
    steps.append({"id": "b", "capability": "wait", "agent": "waits", "after": ["a"]})
    task = Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})
    async with a_shard(CATALOG, tmp_path, executor=executor) as service:
        task_id = await service.submit(task)
        seen = 0
        while not (page := await service.shard.events(task_id, seen, 5.0)).ended:
            seen += len(page.events)
            if any(event.data.get("step") == "b" for event in page.events):
                break
        with pytest.raises(OutputNotReady, match="lost"):
            await service.shard.output(task_id, StepId("a"))


async def test_the_list_of_a_status_holds_tasks_of_that_status_only(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        ids = [await service.submit(a_task("waits")) for _ in range(5)]
        for task_id in ids:
            while (await service.shard.show(task_id)).status is RunStatus.PLANNING:
                await service.shard.events(task_id, 1, 1.0)
                await asyncio.sleep(0)

        assert (await service.shard.list_tasks(10, where=TaskFilter(status=RunStatus.PLANNING))).tasks == ()
        first = await service.shard.list_tasks(3, where=TaskFilter(status=RunStatus.RUNNING))
        rest = await service.shard.list_tasks(3, first.next_before, TaskFilter(status=RunStatus.RUNNING))

        assert [view.id for page in (first, rest) for view in page.tasks] == sorted(ids, reverse=True)
        assert rest.next_before is None


async def test_advice_that_breaks_costs_the_guess_and_not_the_task(tmp_path, monkeypatch):
    def broken(*_: Any) -> Any:
        raise ValueError("a model of another release")

    monkeypatch.setattr("shards.NoAdvice.conditions", broken)
    async with a_shard(CATALOG, tmp_path) as service:
        view = await service.ended(await service.submit(a_task("add", Mode.FORERUN, a=1)))

    assert (view.status, view.outputs) == (RunStatus.SUCCEEDED, {"only": 2})
    assert view.speculative_plan_s is None


async def test_a_timer_that_is_early_by_the_wall_clock_still_brings_its_moment(tmp_path, monkeypatch):
    """Timers and wall clocks differ by fractions of a millisecond, and nobody would wake the run a second time."""
    began_s = time.time()
    monkeypatch.setattr("shards.WallClock.now_s", lambda _: began_s + 0.9 * (time.time() - began_s))
    task = a_task("waits").model_copy(update={"limits": Limits(deadline_s=1.5)})
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(task)
        view = await service.shard.wait(task_id, 10.0)

    assert view.failure is not None
    assert "has passed" in view.failure.message
