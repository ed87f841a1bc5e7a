"""A2A, MCP and AG-UI over a gateway in memory: who may see what, and what a front end is told."""

import asyncio
import json
from collections import Counter
from types import SimpleNamespace

import anyio
import httpx
import mcp_types as types
import pytest

from orchestrator.errors import Unavailable
from orchestrator.gateway.memory import MemoryGateway
from orchestrator.ingress import restarts
from orchestrator.ingress.a2a.tasks import status_of
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.keyring import Keyring
from orchestrator.ingress.mcp.server import McpCalls
from orchestrator.ingress.mcp.tools import result
from orchestrator.ingress.skills import skills
from orchestrator.keys import Scope, new_key
from planners.model import TaskId
from reconciler.errors import StartingUp
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.views.models import TaskFilter, TaskView, TimelineBar

from .conftest import CATALOG, NODES, SETTINGS

CARD = "/.well-known/agent-card.json"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
MCP = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def keys():
    token, key = new_key("reader", Scope.READ, 0.0)
    return {"Authorization": f"Bearer {token}"}, Keyring(lambda: _Keys(key))


class _Keys:
    def __init__(self, key):
        self._key = key

    def all(self):
        return (self._key,)


@pytest.fixture(scope="module")
def locked(keys):
    http = SETTINGS.http.model_copy(update={"a2a": True, "mcp": True})
    settings = SETTINGS.model_copy(update={"http": http})
    return build(IngressContext(MemoryGateway(NODES), settings, CATALOG, keys[1]))


@pytest.fixture
async def guarded(locked):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(locked), base_url="http://forerun") as client:
        yield client


async def test_without_a_key_nothing_is_listed(guarded):
    card = (await guarded.get(CARD)).json()
    refused = [
        await guarded.get("/a2a/v1/tasks", headers={"A2A-Version": "1.0"}),
        await guarded.post("/a2a/v1", json={"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}}),
        await guarded.post("/mcp", json=LIST, headers=MCP),
    ]

    assert "skills" not in card or not card["skills"]
    assert card["securitySchemes"]["key"]["httpAuthSecurityScheme"]["scheme"] == "bearer"
    assert [reply.status_code for reply in refused] == [401, 401, 401]


async def test_with_a_key_the_card_has_the_skills(guarded, keys):
    card = (await guarded.get(CARD, headers=keys[0])).json()
    extended = await guarded.get("/a2a/v1/extendedAgentCard", headers=keys[0] | {"A2A-Version": "1.0"})

    assert {skill["id"] for skill in card["skills"]} >= {"fetch", "digest"}
    assert extended.json()["skills"] == card["skills"]


async def test_a_key_that_may_only_read_starts_nothing(guarded, keys):
    reply = await guarded.post("/a2a/v1/message:send", json={}, headers=keys[0])

    assert reply.status_code == 403


async def test_a_card_that_has_not_changed_is_not_sent_again(guarded):
    first = await guarded.get(CARD)

    again = await guarded.get(CARD, headers={"If-None-Match": first.headers["ETag"]})

    assert again.status_code == 304
    assert again.headers["Last-Modified"] == first.headers["Last-Modified"]
    assert first.headers["Last-Modified"].endswith("GMT")


async def test_neither_protocol_is_served_unless_the_settings_say_so(http):
    assert (await http.get(CARD)).status_code == 404
    assert (await http.post("/mcp", json=LIST, headers=MCP)).status_code == 404


async def test_a_run_is_told_as_events_of_ag_ui(http, gateway, task):
    task_id = (await http.post("/v1/tasks", json=task)).json()["id"]
    await gateway.end(task_id, RunStatus.SUCCEEDED, {"answer": 7})

    reply = await http.get(f"/v1/tasks/{task_id}/events", params={"format": "ag-ui"})

    told = [json.loads(line.removeprefix("data: ")) for line in reply.text.splitlines() if line.startswith("data: ")]
    assert [event["type"] for event in told] == ["RUN_STARTED", "STATE_SNAPSHOT", "RUN_FINISHED"]
    assert told[0]["runId"] == task_id
    assert told[-1]["result"] == {"answer": 7}


async def test_attempts_that_are_still_open_end_before_their_run(http, gateway, task):
    task_id = (await http.post("/v1/tasks", json=task)).json()["id"]
    bar = TimelineBar(
        attempt="a#1",
        step="a",
        capability="fetch",
        agent="fetcher",
        node="n1",
        epoch=1,
        speculative=True,
        status="running",
        dispatched_s=0.1,
    )
    await gateway.show(task_id, bars=[bar])
    await gateway.end(task_id, RunStatus.CANCELLED)

    reply = await http.get(f"/v1/tasks/{task_id}/events", params={"format": "ag-ui"})

    kinds = [json.loads(line[6:])["type"] for line in reply.text.splitlines() if line.startswith("data: ")]
    assert kinds == ["RUN_STARTED", "STEP_STARTED", "STATE_SNAPSHOT", "STEP_FINISHED", "RUN_ERROR"]


async def test_a_failed_run_ends_with_an_error_of_ag_ui(http, gateway, task):
    task_id = (await http.post("/v1/tasks", json=task)).json()["id"]
    await gateway.end(task_id, RunStatus.FAILED)

    reply = await http.get(f"/v1/tasks/{task_id}/events", params={"format": "ag-ui"})

    assert '"type":"RUN_ERROR"' in reply.text


def test_a_failed_task_tells_clients_what_happened_and_nothing_of_the_inside():
    known = {"step": "run", "traceback": "Traceback (most recent call last)", "inputs": {"password": "p4ss"}}
    failure = Failure(kind=FailureKind.ERROR, message="step 'run' failed: no", fix="correct it").with_evidence(**known)
    view = TaskView(id=TaskId("t"), status=RunStatus.FAILED, submitted_at_s=0.0, ended_s=1.0, failure=failure)

    over_a2a, over_mcp = status_of(view).message.parts[0].text, result(view).content[0].text

    assert over_a2a == "step 'run' failed: no"
    assert over_mcp == "the task t failed: step 'run' failed: no; correct it"


class _Admitting(MemoryGateway):
    """A gateway whose admissions take until they may end."""

    def __init__(self):
        super().__init__(NODES)
        self.begun, self.may_end, self.cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def submit(self, *args, **how):
        self.begun.set()
        await self.may_end.wait()
        return await super().submit(*args, **how)

    async def cancel(self, *args, **how):
        view = await super().cancel(*args, **how)
        self.cancelled.set()
        return view


def _call_of_mcp(gateway, session):
    calls = McpCalls(IngressContext(gateway, SETTINGS, CATALOG, Keyring(lambda: _Keys(None))))

    async def call():
        (offered, *_) = (await calls.list_tools(None, None)).tools
        arguments = dict.fromkeys(offered.input_schema.get("required", ()), "x")
        asked = types.CallToolRequestParams(name=offered.name, arguments=arguments)
        return await calls.call_tool(SimpleNamespace(session=session), asked)

    return asyncio.create_task(call())


async def test_a_call_of_mcp_that_is_given_up_during_admission_cancels_the_task():
    gateway = _Admitting()
    call = _call_of_mcp(gateway, None)
    await gateway.begun.wait()

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    gateway.may_end.set()
    await gateway.cancelled.wait()


class _Gone:
    """A session whose client does not listen any more."""

    async def report_progress(self, *_):
        raise anyio.ClosedResourceError


async def test_a_call_of_mcp_whose_progress_cannot_be_told_cancels_the_task():
    gateway = _Admitting()
    gateway.may_end.set()

    with pytest.raises(anyio.ClosedResourceError):
        await _call_of_mcp(gateway, _Gone())
    await gateway.cancelled.wait()


class _Restarting(MemoryGateway):
    """Its shard is away for a moment, each time that one asks for the first time."""

    def __init__(self):
        super().__init__(NODES)
        self.asked = Counter()

    async def changes(self, task_id, after, wait_s):
        self._fail("changes")
        return await super().changes(task_id, after, wait_s)

    async def events(self, task_id, after, wait_s):
        self._fail("events")
        return await super().events(task_id, after, wait_s)

    def _fail(self, question):
        self.asked[question] += 1
        if self.asked[question] == 1:
            raise Unavailable("shard 0 of the reconciler has died")
        if self.asked[question] == 2:
            raise StartingUp("shard 0 of the reconciler is starting: the database is away")


async def _end_of_the_only_task(gateway):
    while not (found := (await gateway.list_tasks(1, None, TaskFilter())).tasks):  # noqa: ASYNC110 -- it tells nobody
        await asyncio.sleep(0)
    await gateway.end(found[0].id, outputs={"output": 7})


class _Listening:
    async def report_progress(self, *_):
        pass


async def test_a_call_of_mcp_outlasts_a_restart_of_the_shard_of_its_task(monkeypatch):
    monkeypatch.setattr(restarts, "_PAUSES_S", (0.0, 0.0))
    gateway = _Restarting()
    call = _call_of_mcp(gateway, _Listening())

    await _end_of_the_only_task(gateway)

    assert (await call).structured_content == {"output": 7}
    assert gateway.asked["changes"] > 2


async def test_a_message_of_a2a_outlasts_a_restart_of_the_shard_of_its_task(monkeypatch):
    monkeypatch.setattr(restarts, "_PAUSES_S", (0.0, 0.0))
    gateway = _Restarting()
    http = SETTINGS.http.model_copy(update={"a2a": True})
    app = build(IngressContext(gateway, SETTINGS.model_copy(update={"http": http}), CATALOG))
    skill = next(iter(skills(CATALOG, SETTINGS).values()))
    parts = [{"data": dict.fromkeys(skill.inputs, "x")}]
    message = {"messageId": "m", "role": "ROLE_USER", "parts": parts, "metadata": {"skill": skill.name}}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://forerun") as client:
        asking = asyncio.create_task(
            client.post("/a2a/v1/message:send", json={"message": message}, headers={"A2A-Version": "1.0"})
        )
        await _end_of_the_only_task(gateway)
        answer = await asking

    assert answer.json()["task"]["status"]["state"] == "TASK_STATE_COMPLETED", answer.text
    assert min(gateway.asked.values()) > 2
