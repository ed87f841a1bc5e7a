"""A new catalog replaces the old one, or is refused and changes nothing."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from actors.catalog import load_catalog, parse_catalog
from orchestrator.cli.app import app as cli
from orchestrator.cli.reload import summary
from orchestrator.cli.shutdown import shutdown_signals
from orchestrator.client.client import Client
from orchestrator.errors import InvalidReload
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext
from orchestrator.reload import reloaded
from orchestrator.service.reloading import read_anew
from planners.agents import AgentSpec, Catalog, Effect, Provider

from .conftest import CATALOG, SETTINGS

ROOT = Path(__file__).parents[3]
FETCHER = CATALOG.by_name["fetcher"]
NEWER = Catalog(agents=(FETCHER.model_copy(update={"version": "2"}), AgentSpec(name="new", capability="digest")))


@pytest.fixture
def context(gateway):
    return IngressContext(gateway, SETTINGS, CATALOG)


@pytest.fixture
async def http(context):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(build(context)), base_url="http://forerun") as client:
        yield client


def test_a_reload_says_what_it_changes():
    changes = reloaded(CATALOG, NEWER)

    assert (changes.agents, changes.added, changes.changed) == (2, ("new",), ("fetcher",))
    assert changes.removed == ("digester", "giant")
    assert summary(changes) == "reloaded: 2 agents; added new; changed fetcher; removed digester, giant"


@pytest.mark.parametrize("change", [{"effect": Effect.IRREVERSIBLE}, {"discloses": True}])
def test_an_agent_must_not_change_its_effect_under_running_tasks(change):
    with pytest.raises(InvalidReload, match="agent 'fetcher' changes its effect from pure to"):
        reloaded(CATALOG, Catalog(agents=(FETCHER.model_copy(update=change),)))


def test_agents_that_are_gone_are_kept_for_the_runs_that_need_them():
    old = Catalog(
        agents=(AgentSpec(name="a", capability="x", provider="p"), AgentSpec(name="b", capability="x")),
        providers=(Provider(name="p", max_concurrent=1),),
    )
    new = Catalog(agents=(AgentSpec(name="b", capability="x", version="2"),))

    kept = new.keeping(old)

    assert {agent.name: agent.version for agent in kept.agents} == {"a": "1", "b": "2"}
    assert kept.provider_by_name == old.provider_by_name
    assert old.keeping(old) is old


async def test_tasks_are_checked_against_the_new_catalog(http, context, gateway):
    context.declares = Catalog.model_validate  # these agents have no code
    task = {"workflow": {"steps": [{"id": "a", "capability": "simulate"}, {"id": "b", "capability": "digest"}]}}

    reply = await http.post("/v1/reload", content=NEWER.model_dump_json(), headers={"Content-Type": "application/json"})

    assert reply.status_code == 200, reply.text
    assert reply.json()["added"] == ["new"]
    assert gateway.catalog_now == NEWER
    refused = await http.post("/v1/tasks", json=task)
    assert refused.status_code == 422
    assert "simulate" in refused.json()["detail"]
    assert [agent["name"] for agent in (await http.get("/v1/agents")).json()["agents"]] == ["fetcher", "new"]


@pytest.mark.parametrize(
    "body",
    [
        {"agents": [{"name": "fetcher", "capability": "fetch", "effect": "irreversible"}]},
        {"agents": [{"name": "x"}]},
        {"agents": 7},
    ],
)
async def test_a_catalog_that_is_refused_changes_nothing(http, context, gateway, body):
    reply = await http.post("/v1/reload", json=body)

    assert reply.status_code == 422
    assert (context.catalog, gateway.catalog_now) == (CATALOG, None)


async def test_a_catalog_that_is_sent_as_it_stands_in_a_file_is_completed(http, gateway, catalog, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(catalog.parent))

    reply = await http.post("/v1/reload", json={"agents": [{"target": "reloadable:greet"}]})

    assert reply.status_code == 200, reply.text
    (greeter,) = gateway.catalog_now.agents
    assert (greeter.name, greeter.capability) == ("greet", "greet")
    assert greeter.input_schema["required"] == ["name"]


async def test_a_catalog_that_is_sent_is_checked_by_the_kinds_of_its_agents(http, gateway):
    payer = {"name": "payer", "capability": "pay", "kind": "http", "target": "https://bank.example/pay"}

    reply = await http.post("/v1/reload", json={"agents": [payer]})
    missing = await http.post("/v1/reload", json={"agents": [{"target": "reloadable:no_such"}]})

    assert (reply.status_code, reply.json()["field"]) == (422, "agents.0.effect")
    assert (missing.status_code, missing.json()["field"]) == (422, "agents.0.target")
    assert gateway.catalog_now is None


def test_a_completed_catalog_is_complete():
    for file in (ROOT / "examples").glob("*/catalog.yaml"):
        once = load_catalog(file)
        assert parse_catalog(json.loads(once.model_dump_json(exclude_unset=True))) == once


async def test_an_ingress_learns_of_a_reload_by_others(http, context, gateway):
    await gateway.reload(NEWER)

    assert len((await http.get("/v1/agents")).json()["agents"]) == 2


@pytest.fixture
def forerun(context, monkeypatch):
    app = build(context)

    def reaching(url: str, **given) -> Client:
        return Client(url, transport=httpx.ASGITransport(app), **given)

    monkeypatch.setattr(orchestrator.cli.tasks, "Client", reaching)
    return lambda *arguments: CliRunner().invoke(cli, [str(part) for part in arguments])


AGENTS = "from forerun import agent\n\n\n@agent('greet')\ndef greet(name: str) -> str:\n    return name\n"


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", "")
    (tmp_path / "reloadable.py").write_text(AGENTS)
    file = tmp_path / "catalog.yaml"
    file.write_text("agents:\n  - {name: greeter, capability: greet, target: 'reloadable:greet'}\n")
    return file


def test_the_command_reads_the_catalog_and_hands_it_over(forerun, gateway, catalog):
    result = forerun("reload", "--catalog", catalog, "--json")

    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["agents"] == 1
    assert gateway.catalog_now.by_name["greeter"].input_schema["required"] == ["name"]


def test_the_command_refuses_a_broken_catalog_before_it_asks_the_service(forerun, gateway, catalog):
    catalog.write_text("agents:\n  - {name: greeter, capability: greet, target: 'reloadable:no_such'}\n")

    result = forerun("reload", "--catalog", catalog)

    assert result.exit_code == 2
    assert "no_such" in result.stderr
    assert gateway.catalog_now is None


def test_a_catalog_is_read_anew_with_the_code_as_it_is_now(catalog):
    assert list(read_anew(catalog).by_name["greeter"].input_schema["properties"]) == ["name"]

    (catalog.parent / "reloadable.py").write_text(AGENTS.replace("name", "somebody"))

    assert list(read_anew(catalog).by_name["greeter"].input_schema["properties"]) == ["somebody"]


@pytest.mark.parametrize(
    "spoilt", ["agents: [", "agents:\n  - {name: a, capability: x, target: 'reloadable:nothing'}\n"]
)
def test_a_catalog_that_cannot_be_read_anew_is_refused_with_its_reason(catalog, spoilt):
    catalog.write_text(spoilt)

    with pytest.raises(InvalidReload, match=r"catalog\.yaml"):
        read_anew(catalog)


def test_sighup_asks_for_a_reload_and_not_for_shutdown():
    wanted = threading.Event()
    with shutdown_signals(wanted) as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        assert wanted.wait(5)
        assert not signals.requested.is_set()
