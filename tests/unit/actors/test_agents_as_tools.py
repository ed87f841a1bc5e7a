"""Language models that call agents of the catalog, against a scripted model and a real MCP server."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mcp_tools
import pytest
from attempts import Attempts
from chat_answers import CHAT, called, said
from http_counterpart import HttpCounterpart, http_counterpart
from tool_agents import Calls, recorded

from actors.admission.limits import AdmissionLimits
from actors.agent_tools import tools_of
from actors.catalog import parse_catalog
from actors.environment import inherited_environment
from actors.errors import InvalidCatalog
from actors.executor.local_executor import LocalExecutor
from planners.agents import Catalog, Effect
from reconciler.state.handoff import Failure, FailureKind, Handoff

LOOKUP = {
    "name": "dict.lookup",
    "target": "tool_agents:lookup",
    "capability": "look_up",
    "effect": "pure",
    "env": ["TOOL_KEY"],
}
LENGTH = {"name": "length", "target": "tool_agents:length", "capability": "measure", "effect": "pure"}
FILES = {"name": "files", "target": "tool_agents:files", "capability": "file", "effect": "irreversible"}
WAITS = {"name": "waits", "target": "tool_agents:waits", "capability": "wait", "effect": "idempotent"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpCounterpart]:
    inherited_environment.cache_clear()
    monkeypatch.setenv("TOOL_KEY", "s3cret-of-a-tool")
    with http_counterpart() as counterpart:
        yield counterpart
    inherited_environment.cache_clear()


@pytest.fixture
def seen() -> Iterator[Calls]:
    with recorded() as calls:
        yield calls


def catalog(url: str, tools: list[str], *others: dict[str, Any], **fields: Any) -> Catalog:
    settings = {"prompt": "Help with {{ n }}", "base_url": f"{url}/v1", "tools": tools, **fields.pop("settings", {})}
    entry = {"name": "asks", "capability": "ask", "kind": "llm", "target": "small", "settings": settings}
    top = {key: fields.pop(key) for key in ("mcp_servers", "providers") if key in fields}
    return parse_catalog({"agents": [{**entry, **fields}, *others], **top})


def started(found: Catalog) -> Attempts:
    return Attempts(LocalExecutor(found), "n1")


async def handoff(found: Catalog) -> tuple[Handoff, list[str]]:
    attempts = started(found)
    attempt = attempts.start("asks", n=1)
    ended = await attempts.ended(attempt)
    assert isinstance(ended, Handoff), ended
    return ended, [line.text for line in attempts.logs.get(attempt, ()) if line.stream == "progress"]


def told_the_model(server: HttpCounterpart, request: int = 1) -> list[str]:
    """The results of tools in a request."""
    messages = json.loads(server.seen[request].body)["messages"]
    return [message["content"] for message in messages if message["role"] == "tool"]


async def test_agents_of_all_kinds_are_called_and_their_results_sent_back(server: HttpCounterpart, seen: Calls):
    command = [sys.executable, "-c", "print(42)"]
    runs = {"name": "runs", "capability": "run", "kind": "command", "target": command, "effect": "pure"}
    server.answers[CHAT] = [
        called(("dict_lookup", {"word": "salt"}), ("length", {"text": "four"}), ("runs", {})),
        said("Salt is a thing"),
    ]

    ended, progress = await handoff(catalog(server.url, ["dict.lookup", "length", "runs"], LOOKUP, LENGTH, runs))

    assert ended.output == "Salt is a thing"
    results = [json.loads(text) for text in told_the_model(server)]
    assert results == [{"word": "salt", "meaning": "a thing"}, 4, 42]
    assert 'calls dict_lookup {"word": "salt"}' in progress
    assert "reads about salt" in progress  # what the tool itself tells


async def test_the_model_sees_descriptions_and_schemas_of_the_agents(server: HttpCounterpart):
    server.answers[CHAT] = said("Hello")

    await handoff(catalog(server.url, ["dict.*"], LOOKUP, LENGTH))

    (tool,) = json.loads(server.seen[0].body)["tools"]
    assert tool["function"]["name"] == "dict_lookup"
    assert tool["function"]["description"] == "What a word means."
    assert tool["function"]["parameters"]["required"] == ["word"]


@pytest.mark.parametrize("over", ["http", "stdio"])
async def test_the_tools_of_an_mcp_server_are_called_in_one_session(server: HttpCounterpart, over: str):
    chosen: dict[str, Any] = {name: {"effect": "pure"} for name in ("weather", "counts", "refuses")}
    server.answers[CHAT] = [
        called(("tools_weather", {"city": "Rome", "degrees": 30})),
        called(("tools_counts", {}), ("tools_refuses", {}), ("tools_weather", {})),
        said("Hot"),
    ]
    with mcp_tools.over_http() as (url, _):
        place = {"url": url} if over == "http" else {"command": [sys.executable, str(Path(mcp_tools.__file__))]}
        found = catalog(server.url, ["tools.*"], mcp_servers=[{"name": "tools", **place, "tools": chosen}])
        ended, progress = await handoff(found)

    assert ended.output == "Hot"
    weather, counted, refused, wrong = told_the_model(server, 2)
    assert json.loads(weather) == {"city": "Rome", "degrees": 30}
    assert json.loads(counted) == {"result": "counted"}
    assert "not on Sundays" in refused
    assert "city" in wrong
    assert "one of four" in progress


async def test_a_failing_tool_is_told_to_the_model_without_secrets(server: HttpCounterpart, seen: Calls):
    server.answers[CHAT] = [
        called(("dict_lookup", {"word": "secret"}), ("length", {"text": "leave"}), ("length", {"txt": "x"})),
        said("I cannot"),
    ]

    ended, progress = await handoff(catalog(server.url, ["dict.lookup", "length"], LOOKUP, LENGTH))

    assert ended.output == "I cannot"
    failed, left, wrong = told_the_model(server)
    assert "no entry; the key is ***" in failed
    assert left
    assert "text" in wrong
    assert any(text.startswith("dict_lookup failed: ") for text in progress)
    assert "s3cret" not in f"{progress}{[request.body for request in server.seen]}"


async def test_a_tool_that_takes_too_long_is_stopped_and_told_to_the_model(server: HttpCounterpart, seen: Calls):
    server.answers[CHAT] = [called(("waits", {})), said("It hangs")]

    ended, _ = await handoff(catalog(server.url, ["waits"], {**WAITS, "timeout_s": 0.05}))

    assert ended.output == "It hangs"
    assert "still running after 0.05 s" in told_the_model(server)[0]
    assert seen.cancelled.is_set()


async def test_calls_beyond_the_bound_are_refused_and_the_model_is_told(server: HttpCounterpart):
    call = ("length", {"text": "abc"})
    server.answers[CHAT] = [called(call, call), called(call), said("3")]

    ended, progress = await handoff(catalog(server.url, ["length"], LENGTH, settings={"max_tool_calls": 2}))

    assert ended.output == "3"
    first, second, third = told_the_model(server, 2)
    assert (first, second) == ("3", "3")
    assert "no calls are left" in third
    assert len(progress) == 2


async def test_a_model_that_never_stops_calling_fails_the_attempt(server: HttpCounterpart):
    server.answers[CHAT] = called(("length", {"text": "abc"}))
    attempts = started(catalog(server.url, ["length"], LENGTH, settings={"max_requests": 3}))

    failure = await attempts.run("asks", n=1)

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.ERROR
    assert "max_requests" in failure.fix
    assert len(server.seen) == 3


async def test_cancelling_the_conversation_cancels_the_tool_it_waits_for(server: HttpCounterpart, seen: Calls):
    server.answers[CHAT] = called(("waits", {}))
    attempts = started(catalog(server.url, ["waits"], WAITS))
    attempt = attempts.start("asks", n=1)
    await asyncio.to_thread(seen.waiting.wait, 30)

    attempts.executor.flush(attempts.task, [attempt])

    assert await asyncio.to_thread(seen.cancelled.wait, 30)


async def test_equal_calls_have_keys_of_their_own_and_a_repeated_attempt_repeats_them(
    server: HttpCounterpart, seen: Calls
):
    call = ("dict_lookup", {"word": "salt"})
    found = catalog(server.url, ["dict.lookup"], LOOKUP)
    for _ in range(2):
        server.answers[CHAT] = [called(call, call), said("a thing")]
        await handoff(found)

    assert len(set(seen.keys[:2])) == 2
    assert seen.keys[:2] == seen.keys[2:]


async def test_what_tools_have_used_counts_for_the_attempt(server: HttpCounterpart):
    prices = {"prices": {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 10.0}}
    inner = {
        "name": "expert",
        "capability": "know",
        "kind": "llm",
        "target": "large",
        "settings": {"prompt": "{{ question }}", "base_url": f"{server.url}/expert/v1", **prices},
    }
    server.answers[CHAT] = [called(("expert", {"question": "why"})), said("Because")]
    server.answers[f"/expert{CHAT}"] = said("So it is")

    ended, _ = await handoff(catalog(server.url, ["expert"], inner, settings=prices))

    assert ended.usage is not None
    assert (ended.usage.requests, ended.usage.input_tokens) == (3, 300)
    assert ended.usage.usd == pytest.approx(0.0009)


async def test_a_conversation_holds_the_places_of_its_tools(server: HttpCounterpart):
    provider = {"name": "library", "max_concurrent": 1}
    limited = {**LOOKUP, "provider": "library"}
    found = catalog(server.url, ["dict.lookup"], limited, LENGTH, providers=[provider])
    limits = AdmissionLimits(found)
    asks, lookup = found.by_name["asks"], found.by_name["dict.lookup"]

    async with limits.admission(asks, "t.1"):
        second = asyncio.ensure_future(_admitted(limits, lookup))
        await asyncio.sleep(0)
        assert not second.done()
    await second


async def _admitted(limits: AdmissionLimits, agent: Any) -> None:
    async with limits.admission(agent, "t.2"):
        pass


async def test_an_agent_with_a_limit_is_called_one_at_a_time(server: HttpCounterpart, seen: Calls):
    server.answers[CHAT] = [called(*(("dict_lookup", {"word": word}) for word in ("a", "b", "c"))), said("done")]

    await handoff(catalog(server.url, ["dict.lookup"], {**LOOKUP, "concurrency": 1}))

    assert len(seen.keys) == 3
    assert seen.most_at_once == 1


def test_the_effect_of_an_agent_follows_from_its_tools():
    assert catalog("http://x", ["length"], LENGTH).by_name["asks"].effect is Effect.PURE
    assert catalog("http://x", ["length", "waits"], LENGTH, WAITS).by_name["asks"].effect is Effect.IDEMPOTENT
    assert catalog("http://x", ["files"], FILES).by_name["asks"].effect is Effect.IRREVERSIBLE
    telling = catalog("http://x", ["length"], {**LENGTH, "discloses": True}).by_name["asks"]
    assert telling.discloses
    assert not telling.may_speculate


def test_an_agent_that_is_declared_to_act_may_call_tools_that_act():
    found = catalog("http://x", ["files", "length"], FILES, LENGTH, effect="irreversible")

    assert [tool.name for tool in tools_of(found.by_name["asks"], found)] == ["files", "length"]


@pytest.mark.parametrize(
    ("tools", "fields", "field", "message"),
    [
        (["files"], {"effect": "pure"}, "effect", "'files' is irreversible"),
        (["waits"], {"effect": "pure"}, "effect", "'waits' is idempotent"),
        (["lenght"], {}, "settings.tools", "no agent 'lenght'"),
        (["nothing.*"], {}, "settings.tools", "begins with 'nothing.'"),
        (["asks"], {}, "settings.tools", "asks -> asks"),
        (["heavy"], {}, "settings.tools", "needs gpus"),
        (["batches"], {}, "settings.tools", "is of kind batch"),
    ],
)
def test_an_agent_that_cannot_be_a_tool_is_refused(tools: list[str], fields: dict[str, Any], field: str, message: str):
    heavy = {**LENGTH, "name": "heavy", "resources": {"gpus": 1}}
    batches = {"name": "batches", "capability": "b", "kind": "batch", "target": "kinds:acts_on_many"}

    with pytest.raises(InvalidCatalog) as caught:
        catalog("http://x", tools, LENGTH, FILES, WAITS, heavy, batches, **fields)

    assert caught.value.field == f"agents.0.{field}"
    assert message in caught.value.message
    assert caught.value.fix


async def test_a_refusal_by_the_provider_is_named_although_sessions_are_open(server: HttpCounterpart):
    server.answers[CHAT] = (401, {}, {"error": {"message": "unknown key"}})
    with mcp_tools.over_http() as (url, _):
        place = {"name": "tools", "url": url, "tools": {"text": {"effect": "pure"}}}
        attempts = started(catalog(server.url, ["tools.*"], mcp_servers=[place]))
        failure = await attempts.run("asks", n=1)

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.BAD_INPUT
    assert "answered 401" in failure.message
