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
from reconciler.views.logs import LogLevel


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
    result = logs(task_id, "fecth")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"no lines match; `forerun show {task_id}` names the steps\n"


def test_the_last_lines_are_as_many_as_asked_for(logs, task_id):
    assert logs(task_id, "--last", "1").stdout.count("\n") == 1


def test_an_unknown_task_is_bad_input(logs):
    assert logs("t000000000000-0000000000000000").exit_code == 2
