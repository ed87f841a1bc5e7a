"""`forerun logs` over a service in memory."""

import asyncio
import json
import re

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.cli.app import app as cli
from orchestrator.client.client import Client
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.workflow import Step
from reconciler.views.logs import LogLevel
from reconciler.views.models import PlansView


@pytest.fixture
def logs(app, monkeypatch):
    """Runs the command; returns its result."""

    def reaching(url: str) -> Client:
        return Client(url, transport=httpx.ASGITransport(app, raise_app_exceptions=False))

    monkeypatch.setattr(orchestrator.cli.tasks, "Client", reaching)
    monkeypatch.delenv("FORERUN_URL", raising=False)
    return lambda *arguments: CliRunner().invoke(cli, ["logs", *arguments])


@pytest.fixture
def task_id(app, gateway, task) -> str:
    async def submitted() -> str:
        async with Client("http://forerun", transport=httpx.ASGITransport(app)) as client:
            task_id = (await client.submit(task)).id
        await gateway.log(task_id, "fetch", "fetching " + "x" * 200)
        await gateway.log(task_id, "digest", "\x1b[31mred\x1b[0m \x1b]0;title\x07[not markup]", LogLevel.ERROR)
        await gateway.end(task_id)
        return task_id

    return asyncio.run(submitted())


def test_piped_lines_are_whole_and_without_colours(logs, task_id):
    result = logs(task_id)

    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} fetch#\S+ info     fetching x{200}", first)
    assert second.endswith("error    red [not markup]")


def test_json_lines_name_task_step_and_attempt(logs, task_id):
    result = logs(task_id, "digest", "--json", "--level", "warning", "--follow")

    (line,) = map(json.loads, result.stdout.splitlines())
    assert (line["task"], line["step"], line["attempt"], line["level"]) == (task_id, "digest", "digest#1", "error")


def test_where_no_line_matches_it_is_said_beside_the_output(logs, task_id):
    result = logs(task_id, "fetch", "--level", "error")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"no lines match; `forerun show {task_id}` names the steps\n"


def test_a_step_that_the_task_does_not_have_is_bad_input_with_the_nearest_one(logs, gateway, task_id):
    place = Placement(agent="fetcher", node="n1")
    steps = [Step(id=step, capability="fetch") for step in ("fetch", "greet[0]", "reply/draft")]
    placed = [PlannedStep(step=step, placement=place, work_key=step.id) for step in steps]
    plans = PlansView(task=task_id, optimal=Plan(kind=PlanKind.OPTIMAL, steps=placed))
    asyncio.run(gateway.show(task_id, plans=plans))

    wrong = {name: logs(task_id, name) for name in ("fecth", "gret", "nothing")}

    assert {result.exit_code for result in wrong.values()} == {2}
    assert "the task has no step 'fecth'\n  fix: did you mean 'fetch'?" in wrong["fecth"].stderr
    assert "did you mean 'greet'?" in wrong["gret"].stderr
    assert f"`forerun show {task_id}`" in wrong["nothing"].stderr
    assert [logs(task_id, name).exit_code for name in ("greet", "greet[0]", "reply")] == [0, 0, 0]


def test_the_last_lines_are_as_many_as_asked_for(logs, task_id):
    assert logs(task_id, "--last", "1").stdout.count("\n") == 1


def test_an_unknown_task_is_bad_input(logs):
    assert logs("t000000000000-0000000000000000").exit_code == 2
