"""Tools of MCP servers as agents, against servers made with the protocol's SDK, over HTTP and stdio."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import mcp_tools
import pytest
from invocations import invocation_of

from actors.catalog import parse_catalog
from actors.errors import InvalidCatalog
from actors.executor.execution import run_async, run_in_process
from actors.invocation import Ended, Invocation
from actors.logs.limits import LogLimits
from planners.agents import AgentSpec, Catalog, Effect

Place = dict[str, Any]


@pytest.fixture(scope="module")
def http() -> Iterator[tuple[Place, dict[str, Event]]]:
    with mcp_tools.over_http() as (url, events):
        yield {"url": url}, events


@pytest.fixture(scope="module", params=["http", "stdio"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "stdio":
        return {"command": [sys.executable, str(Path(mcp_tools.__file__))]}
    found: Place = request.getfixturevalue("http")[0]
    return found


def catalog(place: Place, **fields: Any) -> Catalog:
    return parse_catalog({"mcp_servers": [{"name": "tools", **place, **fields}]})


def invocation(agent: AgentSpec, **inputs: Any) -> Invocation:
    return invocation_of(agent, inputs)


def ended(agent: AgentSpec, **inputs: Any) -> Ended:
    return run_in_process(invocation(agent, **inputs), ()).ended


def test_the_tools_of_a_server_become_agents_that_trust_no_annotation(place: Place):
    found = catalog(place)

    assert {agent.name for agent in found.agents} >= {"tools.weather", "tools.text", "tools.refuses"}
    weather = found.by_name["tools.weather"]
    assert weather.capability == "tools.weather"
    assert weather.description == "The weather of a city."
    assert weather.effect is Effect.IRREVERSIBLE  # although the server hints that it is read-only
    assert weather.input_schema is not None
    assert weather.input_schema["required"] == ["city"]
    assert found.provider_by_name["mcp:tools"].max_concurrent == 1


def test_the_catalog_says_which_tools_and_what_they_do(http: tuple[Place, Any]):
    chosen = {"weather": {"effect": "pure", "capability": "weather", "expected_s": 0.2}, "text": None}

    found = catalog(http[0], tools=chosen, concurrency=4)

    assert [agent.name for agent in found.agents] == ["tools.weather", "tools.text"]
    weather = found.by_name["tools.weather"]
    assert (weather.effect, weather.capability, weather.expected_s) == (Effect.PURE, "weather", 0.2)
    assert found.provider_by_name["mcp:tools"].max_concurrent == 4


def test_a_call_returns_what_the_tool_returns(place: Place):
    agents = catalog(place).by_name

    weather, text = ended(agents["tools.weather"], city="Oslo"), ended(agents["tools.text"])

    assert weather.handoff is not None, weather.failure
    assert weather.handoff.output == {"city": "Oslo", "degrees": 20.0}
    assert text.handoff is not None, text.failure
    assert text.handoff.output == "some text"


def test_an_error_of_the_tool_names_tool_server_and_reason(http: tuple[Place, Any]):
    failure = ended(catalog(http[0]).by_name["tools.refuses"]).failure

    assert failure is not None
    assert "'refuses'" in failure.message
    assert http[0]["url"] in failure.message
    assert "not on Sundays" in failure.message


def test_what_the_server_tells_of_its_progress_is_the_progress_of_the_attempt(place: Place):
    call = replace(invocation(catalog(place).by_name["tools.counts"]), logs=LogLimits())

    ended = run_in_process(call, ()).ended

    assert ended.handoff is not None, ended.failure
    told = [line for batch in ended.logs for line in batch.lines() if line.stream == "progress"]
    assert [(line.text, line.done) for line in told] == [("one of four", 0.25), ("", 0.5)]


def test_inputs_that_do_not_match_are_refused_before_the_call(http: tuple[Place, Any]):
    failure = ended(catalog(http[0]).by_name["tools.weather"], town="Oslo").failure

    assert failure is not None
    assert not failure.retryable


def test_a_command_sees_no_variable_that_the_entry_does_not_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOME_TOKEN", "secret")
    place = {"command": [sys.executable, str(Path(mcp_tools.__file__))]}

    handoff = ended(catalog(place).by_name["tools.variable"], name="SOME_TOKEN").handoff

    assert handoff is not None
    assert handoff.output == {"result": "(none)"}


async def test_cancelling_an_attempt_cancels_the_call(http: tuple[Place, dict[str, Event]]):
    place, events = http
    agent = (await asyncio.to_thread(catalog, place)).by_name["tools.waits"]
    running = asyncio.ensure_future(run_async(invocation(agent), ()))
    assert await asyncio.to_thread(events["waits"].wait, 30)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(events["cancelled"].wait, 30)


def test_a_server_that_has_gone_is_named():
    entry = {
        "name": "a",
        "capability": "c",
        "kind": "mcp",
        "target": "t",
        "settings": {"url": "http://127.0.0.1:9/mcp"},
    }
    (agent,) = parse_catalog({"agents": [entry]}).agents

    failure = ended(agent).failure

    assert failure is not None
    assert "http://127.0.0.1:9/mcp" in failure.message
    assert failure.fix


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"url": "http://127.0.0.1:9/mcp"}, "mcp_servers.0"),
        ({"command": ["no-such-program"]}, "mcp_servers.0"),
        ({}, "mcp_servers.0"),
        ({"url": "http://a.example", "command": ["b"]}, "mcp_servers.0"),
        ({"url": "ftp://a.example"}, "mcp_servers.0"),
        ({"url": "http://a.example", "toools": {}}, "mcp_servers.0.toools"),
        ({"url": "http://a.example", "concurrency": 0}, "mcp_servers.0.concurrency"),
    ],
)
def test_a_mistake_in_the_catalog_is_named_with_its_fix(entry: dict[str, Any], field: str):
    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog({"mcp_servers": [{"name": "tools", **entry}]})

    assert caught.value.field == field
    assert caught.value.fix


def test_a_tool_that_the_server_lacks_is_named_beside_those_it_has(http: tuple[Place, Any]):
    with pytest.raises(InvalidCatalog) as caught:
        catalog(http[0], tools={"wether": None})

    assert caught.value.field == "mcp_servers.0.tools.wether"
    assert "weather" in caught.value.fix
