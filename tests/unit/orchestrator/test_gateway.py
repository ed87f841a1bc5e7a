"""Requests reach the shard of their task, pages of all shards merge, and a shard that does not answer is reported."""

import asyncio
from types import SimpleNamespace

import pytest
from ray.exceptions import RayActorError, RayTaskError

from orchestrator.errors import Unavailable
from orchestrator.gateway.protocol import StepAnswer
from orchestrator.gateway.ray_gateway import RayGateway
from orchestrator.gateway.task_ids import new_task_id, shard_of
from orchestrator.metrics import joined
from orchestrator.settings import ReconcilerSettings, Settings
from planners.agents import Catalog
from planners.model import StepId, TaskId
from planners.tasks import AdmittedTask, Task
from planners.workflow import Step, Workflow
from reconciler.errors import UnknownTask
from reconciler.state.commands import RunStatus
from reconciler.views.models import TaskFilter, TaskPage, TaskView

WORKFLOW = Workflow(steps=(Step(id="a", capability="x"),))


class _Method:
    def __init__(self, answer):
        self._answer = answer

    def remote(self, *arguments):
        async def answering():
            return self._answer(*arguments)

        return answering()


class _Shard:
    """Stands for an actor handle."""

    def __init__(self, **answers):
        self._answers = answers

    def __getattr__(self, name):
        return _Method(self._answers[name])


def view(task_id: str) -> TaskView:
    return TaskView(id=TaskId(task_id), status=RunStatus.RUNNING, submitted_at_s=0)


def gateway_over(monkeypatch, *shards: _Shard, planner: _Shard | None = None) -> RayGateway:
    settings = Settings(reconciler=ReconcilerSettings(shards=len(shards)))
    by_name = {f"forerun-reconciler-{index}": shard for index, shard in enumerate(shards)}
    by_name["forerun-planner"] = planner or _Shard(under_way=lambda: 0)
    monkeypatch.setattr("ray.get_actor", lambda name, namespace: by_name[name])
    return RayGateway(settings)


async def test_a_request_reaches_the_shard_of_its_task(monkeypatch):
    asked = []
    shards = [
        _Shard(show=lambda task_id, index=index: asked.append((index, task_id)) or view(task_id)) for index in range(3)
    ]
    gateway = gateway_over(monkeypatch, *shards)
    ids = [new_task_id(0.0) for _ in range(20)]

    for task_id in ids:
        assert (await gateway.read(task_id, TaskView)).id == task_id

    assert asked == [(shard_of(task_id, 3), task_id) for task_id in ids]


async def test_pages_of_all_shards_merge_newest_first(monkeypatch):
    pages = [
        TaskPage(tasks=(view("t5"), view("t2"))),
        TaskPage(tasks=(view("t4"), view("t3")), next_before="t3"),
        TaskPage(tasks=()),
    ]
    gateway = gateway_over(monkeypatch, *[_Shard(list_tasks=lambda *_, page=page: page) for page in pages])

    page = await gateway.list_tasks(3, None, TaskFilter())

    assert [task.id for task in page.tasks] == ["t5", "t4", "t3"]
    assert page.next_before == "t3"


async def test_the_last_page_has_no_next_page(monkeypatch):
    gateway = gateway_over(monkeypatch, _Shard(list_tasks=lambda *_: TaskPage(tasks=(view("t1"),))))

    assert (await gateway.list_tasks(3, None, TaskFilter())).next_before is None


async def test_an_error_of_ours_keeps_its_type(monkeypatch):
    def failing(_task_id):
        cause = UnknownTask("there is no task", "id", "look")
        raise RayTaskError("show", "trace", cause).as_instanceof_cause()

    gateway = gateway_over(monkeypatch, _Shard(show=failing))

    with pytest.raises(UnknownTask) as caught:
        await gateway.read(new_task_id(0.0), TaskView)

    assert type(caught.value) is UnknownTask


async def test_a_dead_shard_is_unavailable_and_looked_up_again(monkeypatch):
    def dead(_task_id):
        raise RayActorError

    gateway = gateway_over(monkeypatch, _Shard(show=dead))
    with pytest.raises(Unavailable, match="has died"):
        await gateway.read(new_task_id(0.0), TaskView)

    monkeypatch.setattr("ray.get_actor", lambda name, namespace: _Shard(show=view))
    assert (await gateway.read(new_task_id(0.0), TaskView)).status is RunStatus.RUNNING


async def test_a_shard_that_is_not_up_is_unavailable(monkeypatch):
    gateway = gateway_over(monkeypatch, _Shard())

    def missing(name, namespace):
        raise ValueError(name)

    monkeypatch.setattr("ray.get_actor", missing)

    with pytest.raises(Unavailable, match="not running"):
        await gateway.ready()


async def test_a_shard_that_hangs_is_unavailable(monkeypatch):
    monkeypatch.setattr("orchestrator.gateway.ray_gateway._READY_TIMEOUT_S", 0.01)

    class Hanging:
        class ready:  # noqa: N801 - stands for a method of an actor handle
            @staticmethod
            def remote():
                return asyncio.Event().wait()

    gateway = gateway_over(monkeypatch, Hanging())

    with pytest.raises(Unavailable, match="did not answer"):
        await gateway.ready()


async def test_metrics_work_without_a_shard_and_report_which_is_down(monkeypatch):
    """They are wanted most while something is wrong."""

    def dead():
        raise RayActorError

    gateway = gateway_over(monkeypatch, _Shard(metrics=lambda: "forerun_x_total 1\n"), _Shard(metrics=dead))

    exposition = joined(await gateway.metrics()).decode()

    assert "forerun_x_total 1.0" in exposition
    assert 'forerun_shard_up{shard="0"} 1.0' in exposition
    assert 'forerun_shard_up{shard="1"} 0.0' in exposition


@pytest.mark.parametrize(("task", "least_s"), [(Task(goal="anything"), 180.0), (Task(workflow=WORKFLOW), 10.0)])
async def test_a_preview_is_waited_for_as_long_as_the_planners_may_take(monkeypatch, task, least_s):
    gateway = gateway_over(monkeypatch, _Shard())
    waited = []

    async def asked(shard, method, *arguments, timeout_s):
        waited.append(timeout_s)
        raise Unavailable("enough")

    monkeypatch.setattr(gateway, "_of_shard", asked)
    with pytest.raises(Unavailable):
        await gateway.preview(task)

    assert least_s < waited[0] < least_s + 60


async def test_without_a_planner_tasks_are_refused_and_the_service_is_not_ready(monkeypatch):
    def dead():
        raise RayActorError

    gateway = gateway_over(monkeypatch, _Shard(ready=lambda: None, submit=view), planner=_Shard(under_way=dead))

    with pytest.raises(Unavailable, match="the planner has died"):
        await gateway.submit(AdmittedTask(id=new_task_id(0.0), task=Task(workflow=WORKFLOW), submitted_at_s=0.0))
    with pytest.raises(Unavailable, match="the planner has died"):
        await gateway.ready()


async def test_an_answer_says_whether_it_has_an_output(monkeypatch):
    """A callback must tell a null that was sent from an output that is missing."""
    told = []
    gateway = gateway_over(monkeypatch, _Shard(answer=lambda task, _, answer: told.append(answer) or view(task)))
    task_id = new_task_id(0.0)

    for body in ('{"by": "ada"}', '{"output": null}'):
        await gateway.answer(task_id, StepId("paid"), StepAnswer.model_validate_json(body))

    assert [("output" in answer.model_fields_set, answer.output) for answer in told] == [(False, None), (True, None)]
    assert told[0].by == "ada"


async def test_a_reload_reaches_the_shards_though_its_request_is_cancelled_when_the_planner_has_it(monkeypatch):
    reloaded, planner_has_it, done = [], asyncio.Event(), asyncio.Event()

    async def slowly(_catalog):
        planner_has_it.set()
        await asyncio.sleep(0)

    def note(catalog):
        reloaded.append(catalog)
        if len(reloaded) == 2:
            done.set()

    gateway = gateway_over(
        monkeypatch, *[_Shard(reload=note)] * 2, planner=SimpleNamespace(reload=SimpleNamespace(remote=slowly))
    )
    request = asyncio.create_task(gateway.reload(Catalog()))
    await planner_has_it.wait()

    request.cancel()

    with pytest.raises(asyncio.CancelledError):
        await request
    await done.wait()
    assert reloaded == [Catalog()] * 2
