"""LLM agents against a local server that speaks the OpenAI chat protocol: a stand-in for a paid provider."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from chat_answers import CHAT, said
from http_counterpart import HttpCounterpart, http_counterpart
from invocations import invocation_of

from actors.catalog import parse_catalog
from actors.environment import inherited_environment
from actors.errors import InvalidCatalog
from actors.executor.execution import run_async
from actors.invocation import Ended, Invocation
from actors.logs.limits import LogLimits
from planners.agents import AgentSpec
from reconciler.state.handoff import Failure, FailureKind, Handoff

MOVIE = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "year": {"type": "integer"}},
    "required": ["year"],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpCounterpart]:
    inherited_environment.cache_clear()
    monkeypatch.setenv("MODEL_KEY", "s3cret")
    with http_counterpart() as counterpart:
        yield counterpart
    inherited_environment.cache_clear()


def streamed(*pieces: str) -> tuple[int, dict[str, str], bytes]:
    known = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "small"}
    deltas = [{"index": 0, "delta": {"role": "assistant", "content": piece}} for piece in pieces]
    chunks: list[dict[str, Any]] = [{**known, "choices": [delta]} for delta in deltas]
    chunks.append({**known, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    chunks.append({**known, "choices": [], "usage": usage})
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    return 200, {"Content-Type": "text/event-stream"}, body.encode()


def declared(server: HttpCounterpart, *, schema: dict[str, Any] | None = None, **fields: Any) -> AgentSpec:
    settings = {"prompt": "Name {{ n }} films", "base_url": f"{server.url}/v1", "api_key": "MODEL_KEY"}
    entry = {"name": "asks", "capability": "ask", "kind": "llm", "target": "small", "env": ["MODEL_KEY"]}
    if schema is not None:
        entry["output_schema"] = schema
    settings |= fields.pop("settings", {})
    return parse_catalog({"agents": [{**entry, "settings": settings, **fields}]}).agents[0]


def invocation(agent: AgentSpec, **inputs: Any) -> Invocation:
    return invocation_of(agent, inputs)


async def ended(agent: AgentSpec, **inputs: Any) -> Ended:
    return (await run_async(invocation(agent, **inputs), ())).ended


async def handoff(agent: AgentSpec, **inputs: Any) -> Handoff:
    end = await ended(agent, **inputs)
    assert end.handoff is not None, end.failure
    return end.handoff


async def failure(agent: AgentSpec, **inputs: Any) -> Failure:
    end = await ended(agent, **inputs)
    assert end.failure is not None
    return end.failure


def requests(server: HttpCounterpart) -> list[dict[str, Any]]:
    return [json.loads(seen.body) for seen in server.seen]


async def test_the_answer_is_the_output_and_tokens_and_dollars_are_reported(server: HttpCounterpart):
    server.answers[CHAT] = said("Alien and Brazil")
    prices = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 10.0}

    got = await handoff(declared(server, settings={"system": "Be brief.", "prices": prices}), n=2)

    assert got.output == "Alien and Brazil"
    assert got.usage is not None
    assert (got.usage.requests, got.usage.input_tokens, got.usage.output_tokens) == (1, 100, 20)
    assert got.usage.usd == pytest.approx(0.0003)
    (request,) = requests(server)
    assert [turn["content"] for turn in request["messages"]] == ["Be brief.", "Name 2 films"]
    assert server.seen[0].headers["authorization"] == "Bearer s3cret"


async def test_the_prompt_ends_with_why_the_answer_before_was_refused(server: HttpCounterpart):
    server.answers[CHAT] = said("Alien")

    await run_async(replace(invocation(declared(server), n=1), refusal="one film is missing"), ())

    (request,) = requests(server)
    assert request["messages"][-1]["content"].endswith("Your answer before this one was refused: one film is missing")


async def test_the_dollars_of_a_model_that_no_table_knows_are_left_to_the_catalog(server: HttpCounterpart):
    server.answers[CHAT] = said("Alien")

    got = await handoff(declared(server), n=1)

    assert got.usage is not None
    assert got.usage.usd is None


@pytest.mark.parametrize("mode", ["json_schema", "json_object"])
async def test_an_answer_follows_the_output_schema(server: HttpCounterpart, mode: str):
    server.answers[CHAT] = said('{"title": "Alien", "year": 1979}')

    got = await handoff(declared(server, schema=MOVIE, settings={"output": mode}), n=1)

    assert got.output == {"title": "Alien", "year": 1979}


async def test_a_forced_tool_call_is_an_answer_too(server: HttpCounterpart):
    call = {"id": "1", "type": "function", "function": {"name": "output", "arguments": '{"year": 1979}'}}
    server.answers[CHAT] = said("", tool_calls=[call])

    assert (await handoff(declared(server, schema=MOVIE, settings={"output": "tool"}), n=1)).output == {"year": 1979}


async def test_a_value_that_is_no_object_is_wrapped_for_the_provider(server: HttpCounterpart):
    server.answers[CHAT] = said('{"result": [1, 2]}')

    agent = declared(server, schema={"type": "array", "items": {"type": "integer"}})

    assert (await handoff(agent, n=1)).output == [1, 2]


async def test_a_wrong_answer_is_sent_back_with_the_reason(server: HttpCounterpart):
    server.answers[CHAT] = [said('{"year": "late"}'), said('{"year": 1979}')]

    got = await handoff(declared(server, schema=MOVIE), n=1)

    assert got.output == {"year": 1979}
    assert got.usage is not None
    assert got.usage.requests == 2
    assert "'late' is not of type 'integer'" in json.dumps(requests(server)[1]["messages"][-1])


@pytest.mark.parametrize("text", ["no json", '{"year": "late"}', '{"year": 19'])
async def test_answers_that_stay_wrong_are_bad_output_after_the_last_repair(server: HttpCounterpart, text: str):
    server.answers[CHAT] = said(text)

    got = await failure(declared(server, schema=MOVIE, settings={"max_repairs": 1}), n=1)

    assert got.kind is FailureKind.BAD_OUTPUT
    assert "small" in got.message
    assert got.fix
    assert len(server.seen) == 2


async def test_a_tool_is_called_and_its_result_sent_back(server: HttpCounterpart):
    call = {"id": "1", "type": "function", "function": {"name": "doubled", "arguments": '{"number": 21}'}}
    server.answers[CHAT] = [said("", tool_calls=[call]), said("It is 42")]

    agent = declared(server, effect="pure", settings={"tools": ["llm_tools:doubled"]})

    assert (await handoff(agent, n=1)).output == "It is 42"
    assert requests(server)[1]["messages"][-1]["content"] == "42"


async def test_a_request_that_is_refused_for_now_is_repeated(server: HttpCounterpart):
    server.answers[CHAT] = [(429, {"Retry-After": "0"}, {"error": {"message": "slow down"}}), said("Alien")]

    assert (await handoff(declared(server), n=1)).output == "Alien"


@pytest.mark.parametrize(("status", "retryable"), [(429, True), (500, True), (401, False), (404, False)])
async def test_a_refusal_names_status_reason_and_fix_but_not_the_key(
    server: HttpCounterpart, status: int, *, retryable: bool
):
    server.answers[CHAT] = (status, {}, {"error": {"message": "not with s3cret"}})

    got = await failure(declared(server, settings={"max_retries": 0}), n=1)

    assert got.retryable is retryable
    assert f"'small' answered {status}" in got.message
    assert "not with ***" in got.message
    assert "s3cret" not in got.model_dump_json()
    assert got.fix


async def test_a_provider_that_is_away_is_named(server: HttpCounterpart):
    agent = declared(server, settings={"base_url": "http://127.0.0.1:9/v1", "max_retries": 0})

    got = await failure(agent, n=1)

    assert got.retryable
    assert "'small' cannot be reached" in got.message


async def test_cancelling_an_attempt_closes_its_connection(server: HttpCounterpart):
    server.answers[CHAT] = (200, {}, None)
    running = asyncio.ensure_future(run_async(invocation(declared(server), n=1), ()))
    await asyncio.to_thread(server.stalled.wait, 30)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(server.left.wait, 30)


async def test_the_words_of_a_streamed_answer_are_the_progress_of_the_attempt(server: HttpCounterpart):
    server.answers[CHAT] = streamed("Alien", " and ", "Brazil")
    call = replace(invocation(declared(server, settings={"stream": True}), n=2), logs=LogLimits())

    end = (await run_async(call, ())).ended

    assert end.handoff is not None, end.failure
    assert end.handoff.output == "Alien and Brazil"
    assert end.handoff.usage is not None
    assert end.handoff.usage.output_tokens == 20
    told = [line for batch in end.logs for line in batch.lines() if line.stream == "progress"]
    assert told[0].text.startswith("Alien")
    assert told[-1].text == "Alien and Brazil"


async def test_missing_inputs_are_refused_before_anything_is_paid_for(server: HttpCounterpart):
    got = await failure(declared(server))

    assert got.kind is FailureKind.BAD_INPUT
    assert not server.seen


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"target": "small"}, "target"),
        ({"settings": {}}, "settings.prompt"),
        ({"settings": {"prompt": "{{ x"}}, "settings.prompt"),
        ({"settings": {"prompt": "x", "temprature": 1}}, "settings.temprature"),
        ({"settings": {"prompt": "x", "api_key": "KEY"}}, "settings.api_key"),
        ({"settings": {"prompt": "x", "tools": ["llm_tools:doubled"]}}, "effect"),
        ({"settings": {"prompt": "x", "tools": ["llm_tools:nothing"]}}, "settings.tools.0"),
        ({"effect": "stageable"}, "effect"),
    ],
)
def test_a_mistake_in_the_catalog_is_named_with_its_fix(entry: dict[str, Any], field: str):
    known = {"name": "a", "capability": "c", "kind": "llm", "target": "openai:small", "settings": {"prompt": "x"}}

    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog({"agents": [{**known, **entry}]})

    assert caught.value.field == f"agents.0.{field}"
    assert caught.value.fix


def test_a_key_in_the_place_of_its_name_is_refused_and_not_repeated(server: HttpCounterpart):
    with pytest.raises(InvalidCatalog) as caught:
        declared(server, settings={"api_key": "sk-0a1b2c"})

    assert caught.value.field == "agents.0.settings.api_key"
    assert "sk-" not in str(caught.value)


def test_a_misspelt_setting_is_named_rather_than_the_one_that_it_leaves_out():
    entry = {"name": "a", "capability": "c", "kind": "llm", "target": "x:y", "settings": {"promt": "Hello"}}

    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog({"agents": [entry]})
    assert (caught.value.field, caught.value.fix) == ("agents.0.settings.promt", "did you mean 'prompt'?")
