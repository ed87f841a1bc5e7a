"""Retries and comparisons over HTTP and on the command line."""

import json

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.cli.app import app as cli
from orchestrator.client.client import Client
from orchestrator.client.errors import Conflict, NotFound
from orchestrator.comparison import RecordedRun, compared
from orchestrator.gateway.memory import MemoryGateway
from planners.model import TaskId
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.tasks import AdmittedTask
from planners.workflow import Step
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Verdict
from reconciler.views.models import PlansView, TaskView, Timeline, TimelineBar

from .conftest import NODES


class _Finishing(MemoryGateway):
    """Ends every run at once, each with an output of its own, unless the task is named after a test that ends it."""

    async def submit(self, task: AdmittedTask, wait_s: float = 0.0) -> TaskView:
        view = await super().submit(task, wait_s)
        if not task.task.name and view.id == task.id:
            await self.end(task.id, outputs={"fetch": f"output {len(self._stored)}"})
        return view


@pytest.fixture
def forerun(app, monkeypatch):
    def reaching(url: str, **_: object) -> Client:
        return Client(url, transport=httpx.ASGITransport(app, raise_app_exceptions=False))

    monkeypatch.setattr(orchestrator.cli.tasks, "Client", reaching)
    monkeypatch.delenv("FORERUN_URL", raising=False)
    return lambda *arguments: CliRunner().invoke(cli, [str(part) for part in arguments])


async def test_an_ended_task_becomes_a_new_one_that_names_it(client, gateway, task):
    first = await client.submit(task)
    await gateway.end(first.id, RunStatus.FAILED)

    second = await client.retry(first.id, "digest")

    assert second.id != first.id
    stored = gateway._find(second.id).admitted.task.retry_of
    assert (stored.task, stored.from_step) == (first.id, "digest")


async def test_a_task_that_runs_or_is_unknown_is_refused(client, task):
    running = await client.submit(task)

    with pytest.raises(Conflict, match="has not ended"):
        await client.retry(running.id)
    with pytest.raises(NotFound):
        await client.retry("t000000000000-0000000000000000")


async def test_a_repeated_request_with_a_key_is_one_retry(client, gateway, task):
    first = await client.submit(task)
    await gateway.end(first.id)

    assert (await client.retry(first.id, None, "k")).id == (await client.retry(first.id, None, "k")).id


@pytest.fixture
def gateway():
    return _Finishing(NODES)


def test_the_command_prints_the_new_id(forerun, task_file):
    first = forerun("submit", task_file).output.strip()

    result = forerun("retry", first, "--from", "fetch", "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["id"] != first


def test_the_command_retries_once_with_a_key(forerun, task_file):
    first = forerun("submit", task_file).output.strip()

    again = [forerun("retry", first, "--from", "fetch", "--idempotency-key", key).output for key in ("k", "k", "other")]

    assert again[0] == again[1] != again[2]


def planned(step, agent="a1"):
    placement = Placement(agent=agent, node="n1")
    return PlannedStep(step=Step(id=step, capability="c"), placement=placement, work_key=f"{step}-{agent}")


def recorded(name, steps, outputs, *, seconds=1.0, kept=()):
    task = TaskId(name)
    plan = Plan(kind=PlanKind.OPTIMAL, steps=tuple(planned(*step) for step in steps), origin="test")
    bars = tuple(
        TimelineBar(
            attempt=f"{'t0' if step[0] in kept else name}.{number}",
            step=step[0],
            capability="c",
            agent=step[1] if len(step) > 1 else "a1",
            node="n1",
            epoch=1,
            speculative=False,
            verdict=Verdict.COMMIT,
            status="finished",
            dispatched_s=0.0,
            started_s=0.0,
            ended_s=seconds,
        )
        for number, step in enumerate(steps)
    )
    view = TaskView(id=task, status=RunStatus.SUCCEEDED, submitted_at_s=0.0, ended_s=seconds, outputs=outputs)
    return RecordedRun(view, PlansView(task=task, optimal=plan), Timeline(task=task, bars=bars))


def test_the_same_runs_differ_in_nothing():
    found = compared(recorded("t1", [("x",)], {"x": 1}), recorded("t2", [("x",)], {"x": 1}))

    assert (found.status, found.outputs) == ((RunStatus.SUCCEEDED, RunStatus.SUCCEEDED), ())
    assert (found.plans.only_a, found.plans.only_b, found.plans.similarity) == ((), (), 1.0)
    assert [step.changed for step in found.steps] == [()]


def test_plans_seconds_verdicts_and_outputs_are_compared():
    a = recorded("t1", [("x",), ("y",), ("z",)], {"x": 1, "y": 2}, seconds=1.0)
    b = recorded("t2", [("x",), ("y", "a2"), ("w",)], {"x": 1, "y": 3, "w": None}, seconds=2.0, kept=("x",))

    found = compared(a, b)

    assert (found.plans.only_a, found.plans.only_b, found.plans.other_agent) == (("z",), ("w",), ("y",))
    assert found.figures["ended_s"] == (1.0, 2.0)
    assert [(output.name, output.a, output.b) for output in found.outputs] == [("y", 2, 3), ("w", None, None)]
    by_step = {step.step: step for step in found.steps}
    assert by_step["x"].changed == ("attempts", "kept")
    assert (by_step["x"].b.kept, by_step["x"].b.seconds) == (True, None)
    assert by_step["y"].changed == ("agent",)
    assert (by_step["z"].b, by_step["w"].a) == (None, None)


def test_the_command_compares_two_tasks(forerun, task_file):
    first, second = (forerun("submit", task_file).output.strip() for _ in range(2))

    shown, as_json = forerun("diff", first, second), forerun("diff", first, second, "--json")

    assert shown.exit_code == 0, shown.output
    assert 'A "output 1"' in shown.output
    assert 'B "output 2"' in shown.output
    assert json.loads(as_json.output)["outputs"] == [{"v": 1, "name": "fetch", "a": "output 1", "b": "output 2"}]
