"""HTTP agents: what they send, what they make of a response, and whom they never call."""

import asyncio
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from http_counterpart import HttpCounterpart, http_counterpart
from invocations import invocation_of

from actors.catalog import parse_catalog
from actors.environment import inherited_environment
from actors.errors import InvalidCatalog
from actors.executor.execution import run_async, run_in_process
from actors.invocation import Ended, Invocation
from actors.kinds.outbound import is_public
from planners.agents import AgentSpec, Effect
from reconciler.state.handoff import FailureKind


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    inherited_environment.cache_clear()
    monkeypatch.setenv("PRICE_KEY", "s3cret")
    yield "s3cret"
    inherited_environment.cache_clear()


@pytest.fixture
def server() -> Iterator[HttpCounterpart]:
    with http_counterpart() as counterpart:
        yield counterpart


def declared(target: str, **fields: Any) -> AgentSpec:
    entry = {"name": "calls", "capability": "call", "kind": "http", "target": target, "effect": "pure", **fields}
    return parse_catalog({"agents": [entry]}).agents[0]


def invocation(agent: AgentSpec, **inputs: Any) -> Invocation:
    return invocation_of(agent, inputs, idempotency_key="work-1")


def ended(agent: AgentSpec, **inputs: Any) -> Ended:
    return run_in_process(invocation(agent, **inputs), ()).ended


def output(agent: AgentSpec, **inputs: Any) -> Any:
    handoff = ended(agent, **inputs).handoff
    assert handoff is not None
    return handoff.output


def local(**settings: Any) -> dict[str, Any]:
    return {"allow": ["127.0.0.1"], **settings}


def test_all_inputs_are_the_body_and_the_response_is_the_output(server: HttpCounterpart):
    server.answers["/v1/score"] = (200, {}, {"score": 0.5})

    got = output(declared(f"{server.url}/v1/score", settings=local()), text="a", n=[1, 2])

    assert got == {"score": 0.5}
    (request,) = server.seen
    assert (request.method, request.path, request.body) == ("POST", "/v1/score", b'{"text":"a","n":[1,2]}')
    assert request.headers["Idempotency-Key"] == "work-1"


def test_templates_fill_the_request_and_a_path_selects_the_output(server: HttpCounterpart, key: str):
    server.answers["/v1/a%2Fb"] = (200, {}, {"data": {"items": [{"price": 3}]}})
    settings = local(
        method="PUT",
        headers={"Authorization": "Bearer {{ secret('PRICE_KEY') }}"},
        query={"n": "{{ n }}"},
        body={"exact": "{{ n }}", "text": "n is {{ n }}", "rest": ["{{ deep.x }}"]},
        response="data.items.0.price",
    )
    agent = declared(server.url + "/v1/{{ symbol }}", settings=settings, env=["PRICE_KEY"])

    assert output(agent, symbol="a/b", n=7, deep={"x": None}) == 3

    (request,) = server.seen
    assert request.path == "/v1/a%2Fb?n=7"
    assert request.headers["Authorization"] == f"Bearer {key}"
    assert request.body == b'{"exact":7,"text":"n is 7","rest":[null]}'


def test_the_input_schema_follows_from_the_templates(server: HttpCounterpart):
    agent = declared(server.url + "/{{ symbol }}", settings=local(method="GET"))

    assert agent.input_schema == {"type": "object", "properties": {"symbol": {}}, "required": ["symbol"]}
    failure = ended(agent).failure
    assert failure is not None
    assert failure.kind is FailureKind.BAD_INPUT
    assert not server.seen


def test_an_input_cannot_leave_its_place_in_the_path(server: HttpCounterpart):
    failure = ended(declared(server.url + "/v1/{{ name }}/x", settings=local(method="GET")), name="..").failure

    assert failure is not None
    assert failure.kind is FailureKind.BAD_INPUT
    assert not server.seen


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_error_that_may_pass_is_tried_again(server: HttpCounterpart, status: int):
    server.answers["/x"] = (status, {"Retry-After": "7"}, {"detail": "busy"})

    failure = ended(declared(f"{server.url}/x", settings=local())).failure

    assert failure is not None
    assert failure.retryable
    assert str(status) in failure.message
    assert "busy" in failure.message
    assert "7" in failure.fix


@pytest.mark.parametrize("status", [302, 400, 401, 404, 422])
def test_a_refusal_is_final_and_shows_what_the_service_said(server: HttpCounterpart, status: int):
    server.answers["/x"] = (status, {"Location": "http://elsewhere.example"}, {"detail": "no such field"})

    failure = ended(declared(f"{server.url}/x", settings=local())).failure

    assert failure is not None
    assert not failure.retryable
    assert "no such field" in failure.message
    assert failure.fix


def test_no_message_shows_a_secret(server: HttpCounterpart, key: str):
    server.answers["/s3cret"] = (400, {}, {"detail": "the key s3cret is wrong"})
    agent = declared(server.url + "/{{ secret('PRICE_KEY') }}", settings=local(), env=["PRICE_KEY"])

    failure = ended(agent).failure

    assert failure is not None
    assert "***" in failure.message
    assert key not in failure.model_dump_json()


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/x", "http://localhost:1/x", "http://169.254.169.254/latest"])
def test_addresses_that_are_not_public_are_refused_unless_allowed(address: str):
    failure = ended(declared(address, settings={"method": "GET"})).failure

    assert failure is not None
    assert "not a public address" in failure.message
    assert "settings.allow" in failure.fix


def test_a_refusal_of_forerun_names_no_line_of_the_library_that_it_went_through():
    failure = ended(declared("http://127.0.0.1:9/x")).failure

    assert failure is not None
    assert failure.told == "'127.0.0.1' is not a public address"
    assert failure.evidence is not None
    assert (failure.evidence.frame, failure.evidence.traceback) == (None, "")


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "100.64.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1"]
)
def test_what_is_not_public_is_known_in_all_its_forms(address: str):
    assert not is_public(ip_address(address))


def test_public_addresses_are_public():
    assert is_public(ip_address("1.1.1.1"))
    assert is_public(ip_address("2606:4700:4700::1111"))


async def test_cancelling_an_attempt_closes_its_connection(server: HttpCounterpart):
    server.answers["/x"] = (200, {}, None)
    call = invocation(declared(f"{server.url}/x", settings=local()))
    running = asyncio.ensure_future(run_async(call, ()))
    await asyncio.to_thread(server.stalled.wait, 30)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(server.left.wait, 30)


@pytest.mark.parametrize(
    ("body", "settings", "field"),
    [
        (b"no json", {}, "output"),
        (b'{"a": 1}', {"response": "b.0"}, "settings.response"),
        (b'{"a": "' + b"x" * 2000 + b'"}', {"max_bytes": 1000}, "output"),
    ],
)
def test_a_response_that_is_not_what_is_declared_is_bad_output(
    server: HttpCounterpart, body: bytes, settings: dict[str, Any], field: str
):
    server.answers["/x"] = (200, {}, body)

    failure = ended(declared(f"{server.url}/x", settings=local(**settings))).failure

    assert failure is not None
    assert failure.kind is FailureKind.BAD_OUTPUT
    assert failure.message.startswith(field)


def test_a_text_is_an_output_too(server: HttpCounterpart):
    server.answers["/x"] = (200, {"Content-Type": "text/plain; charset=utf-8"}, "grüße".encode())

    assert output(declared(f"{server.url}/x", settings=local(format="text"))) == "grüße"


def test_a_service_that_is_away_is_named(server: HttpCounterpart):
    failure = ended(declared("http://127.0.0.1:9/x", settings=local())).failure

    assert failure is not None
    assert failure.retryable
    assert "127.0.0.1:9" in failure.message


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"target": "ftp://a.example/x"}, "target"),
        ({"target": "https://{{ host }}/x"}, "target"),
        ({"target": "https://user:password@a.example/x"}, "target"),
        ({"target": ["https://a.example"]}, "target"),
        ({"effect": None}, "effect"),
        ({"effect": "stageable"}, "effect"),
        ({"settings": {"methd": "GET"}}, "settings.methd"),
        ({"settings": {"method": "BREW"}}, "settings.method"),
        ({"settings": {"body": {"a": ["{{ x"]}}}, "settings.body.a.0"),
        ({"settings": {"headers": {"X": "{{ secret('KEY') }}"}}}, "settings.headers.X"),
    ],
)
def test_a_mistake_in_the_catalog_is_named_with_its_fix(entry: dict[str, Any], field: str):
    known = {"name": "a", "capability": "c", "kind": "http", "target": "https://a.example/x", "effect": "pure"}
    given = {name: value for name, value in {**known, **entry}.items() if value is not None}

    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog({"agents": [given]})

    assert caught.value.field == f"agents.0.{field}"
    assert caught.value.fix


def test_a_get_request_is_pure_and_needs_no_cpu():
    entry = {
        "name": "a",
        "capability": "c",
        "kind": "http",
        "target": "https://a.example",
        "settings": {"method": "GET"},
    }

    (agent,) = parse_catalog({"agents": [entry]}).agents

    assert agent.effect is Effect.PURE
    assert not agent.resources.amounts()
    assert agent.timeout_s == 60


@pytest.mark.parametrize("query", ["$inputs.day", "since $inputs.day.start"])
def test_a_reference_in_a_template_is_refused_with_the_form_of_templates(query: str):
    entry = {"name": "a", "capability": "c", "kind": "http", "target": "https://a.example/x", "effect": "pure"}

    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog({"agents": [{**entry, "settings": {"query": {"d": query}}}]})

    assert "is a reference of workflows" in caught.value.message
    assert (caught.value.field, caught.value.fix) == (
        "agents.0.settings.query.d",
        "write {{ day }}, and bind day in the steps",
    )


def test_other_texts_with_a_dollar_stay_what_they_are():
    entry = {"name": "a", "capability": "c", "kind": "http", "target": "https://a.example/x", "effect": "pure"}
    body = {"sum": "$item.price", "costs": "$5", "text": "in $inputs, or {{ a }}"}

    assert parse_catalog({"agents": [{**entry, "settings": {"body": body}}]}).agents[0].settings["body"] == body
