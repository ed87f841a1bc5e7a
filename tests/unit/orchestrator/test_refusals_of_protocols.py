"""Requests of A2A and MCP that cannot be understood are refused with what to send."""

import json

import httpx
import pytest

from orchestrator.gateway.memory import MemoryGateway
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext

from .conftest import CATALOG, NODES, SETTINGS

VERSION = {"A2A-Version": "1.0"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def serving():
    http = SETTINGS.http.model_copy(update={"a2a": True, "mcp": True})
    settings = SETTINGS.model_copy(update={"http": http})
    return build(IngressContext(MemoryGateway(NODES), settings, CATALOG))


@pytest.fixture
async def http(serving):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(serving), base_url="http://127.0.0.1:8700") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("message/send", "'message/send' is a method of A2A 0.3, and this service speaks 1.0: write SendMessage"),
        ("tasks/resubscribe", "'tasks/resubscribe' is a method of A2A 0.3, and this service speaks 1.0: write Subscr"),
        ("tasks/pushNotificationConfig/set", "'tasks/pushNotificationConfig/set' is a method of A2A 0.3, and this"),
        ("SendMesage", "there is no method 'SendMesage'; did you mean 'SendMessage'?"),
        ("quit", "there is no method 'quit'; there are CancelTask, CreateTaskPushNotificationConfig"),
    ],
)
async def test_an_unknown_method_of_a2a_is_refused_with_the_one_to_write(http, method, message):
    reply = await http.post("/a2a/v1", json={"jsonrpc": "2.0", "id": 7, "method": method, "params": {}})

    assert reply.headers["content-type"] == "application/json"
    assert (reply.json()["id"], reply.json()["error"]["code"]) == (7, -32601)
    assert reply.json()["error"]["message"].startswith(message)


SEND = {"message": {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": "hi"}]}}


@pytest.mark.parametrize(
    ("headers", "said"), [({}, "without this header means version 0.3"), ({"A2A-Version": "2.0"}, "not '2.0'")]
)
@pytest.mark.parametrize("binding", ["JSON-RPC", "HTTP+JSON"])
async def test_a_request_of_another_version_is_refused_with_the_header_to_send(http, binding, headers, said):
    body = {"jsonrpc": "2.0", "id": 7, "method": "SendMessage", "params": SEND}
    path, content = ("/a2a/v1", body) if binding == "JSON-RPC" else ("/a2a/v1/message:send", SEND)

    reply = await http.post(path, json=content, headers=headers)

    assert said in reply.json()["error"]["message"]
    assert reply.json()["error"]["message"].endswith("send the header 'A2A-Version: 1.0'")
    assert "VERSION_NOT_SUPPORTED" in reply.text


async def test_other_answers_of_a2a_stay_what_they_are(http):
    reply = await http.get("/a2a/v1/tasks/VERSION_NOT_SUPPORTED", headers=VERSION)

    assert reply.status_code == 404
    assert "there is no task 'VERSION_NOT_SUPPORTED'" in reply.json()["error"]["message"]


CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        ({}, 400, -32600, "jsonrpc is missing"),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, 400, -32600, "jsonrpc must be '2.0'"),
        ({"jsonrpc": "2.0", "id": 1}, 400, -32600, "method is missing"),
        ({"jsonrpc": "2.0", "id": 1, "method": 3}, 400, -32600, "method must be a text"),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, 400, -32600, "id must be a text or a whole number"),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, 400, -32600, "params must be an object"),
        ([CALL], 400, -32600, "the body is a list: batches are not supported"),
        ("tools/list", 400, -32600, "the body is not an object"),
        (CALL, 200, -32602, "the name of the tool is missing"),
        ({**CALL, "params": {"name": 3}}, 200, -32602, "the name of the tool must be a text"),
        ({**CALL, "params": {"name": "fetch", "arguments": []}}, 200, -32602, "arguments must be an object"),
    ],
)
async def test_a_body_that_is_no_message_of_mcp_is_refused_in_words(http, body, status, code, message):
    reply = await http.post("/mcp", json=body, headers=ACCEPT)

    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code)
    assert error["message"].startswith(message)
    assert "pydantic" not in reply.text


async def test_other_bodies_of_mcp_reach_the_server_as_they_were_sent(serving, http):
    noticed = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode()
    async with serving.router.lifespan_context(serving):
        replies = [
            await http.post("/mcp", content=body, headers={**ACCEPT, "Content-Type": "application/json"})
            for body in (noticed, b'{"jsonrpc": "2.')
        ]

    assert [reply.status_code for reply in replies] == [202, 400]
    assert replies[1].json()["error"]["code"] == -32700
