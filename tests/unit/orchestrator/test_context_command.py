"""`forerun context` over a service in memory."""

import asyncio
import json

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.cli.app import app as cli
from orchestrator.client.client import Client
from reconciler.views.context import ContextVersion, ContextView

FACTS = ContextVersion(key="facts", version=1, step="find", attempt="t.1", at_s=1.5, value=["[a]", "b"])
TEXT = ContextVersion(key="text", version=1, step="write", attempt="t.2", value="x" * 100, staged=True)
LARGE = ContextVersion(key="all", version=1, step="write", attempt="t.2", in_output=True)


@pytest.fixture
def shown(app, gateway, task, monkeypatch):
    """Runs the command on a task with such a context; returns its output."""

    def reaching(url: str) -> Client:
        return Client(url, transport=httpx.ASGITransport(app, raise_app_exceptions=False))

    async def submitted(versions: tuple[ContextVersion, ...]) -> str:
        async with reaching("http://forerun") as client:
            task_id = (await client.submit(task)).id
        gateway._find(task_id).context = ContextView(task=task_id, versions=versions)
        return task_id

    def run(versions: tuple[ContextVersion, ...], *arguments: str) -> str:
        result = CliRunner().invoke(cli, ["context", asyncio.run(submitted(versions)), *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    monkeypatch.setattr(orchestrator.cli.tasks, "Client", reaching)
    monkeypatch.delenv("FORERUN_URL", raising=False)
    return run


def test_versions_are_listed_with_who_wrote_them(shown):
    head, facts, text, large = shown((FACTS, TEXT, LARGE)).splitlines()

    assert head.split() == ["key", "version", "step", "at", "s", "value"]
    assert facts.split() == ["facts", "1", "find", "1.500", '["[a]",', '"b"]']
    assert text.rstrip().endswith("x… (staged)")
    assert large.rstrip().endswith("in the output of write")


def test_an_empty_context_says_so(shown):
    assert shown(()) == "no step has written anything yet\n"


def test_json_is_the_answer_of_the_service(shown):
    (version,) = json.loads(shown((FACTS,), "--json"))["versions"]

    assert (version["key"], version["value"]) == ("facts", ["[a]", "b"])
