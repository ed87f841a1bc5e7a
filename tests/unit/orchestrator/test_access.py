"""What a request may do with its API key, and what a client sends."""

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.cli.app import app as cli
from orchestrator.client.client import Client
from orchestrator.client.errors import NotAllowed
from orchestrator.gateway.memory import MemoryGateway
from orchestrator.ingress.access import scope_of
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.keyring import Keyring
from orchestrator.keys import Scope, new_key

from .conftest import CATALOG, NODES, SETTINGS


class _Stored:
    """Keys in memory, and their tokens."""

    def __init__(self):
        made = {scope: new_key(f"{scope} key", scope, 0.0) for scope in Scope}
        self.tokens = {scope: token for scope, (token, _) in made.items()}
        self.keys = {scope: key for scope, (_, key) in made.items()}

    def all(self):
        return tuple(self.keys.values())


@pytest.fixture(scope="module")
def stored():
    return _Stored()


@pytest.fixture(scope="module")
def locked(stored):
    keyring = Keyring(lambda: stored)
    return build(IngressContext(MemoryGateway(NODES), SETTINGS, CATALOG, keyring))


@pytest.fixture
async def http(locked):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(locked), base_url="http://forerun") as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_request_without_a_key_is_refused_and_the_refusal_says_how_to_get_one(http):
    reply = await http.get("/v1/tasks")

    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    problem = reply.json()
    assert problem["type"] == "urn:forerun:problem:unauthenticated"
    assert "scope read" in problem["detail"]
    assert "forerun keys create NAME --scope read" in problem["fix"]
    assert "FORERUN_TOKEN" in problem["fix"]


async def test_an_unknown_key_is_refused(http):
    reply = await http.get("/v1/tasks", headers=bearer("forerun_00000000_nonsense"))

    assert (reply.status_code, reply.json()["detail"]) == (401, "the API key is unknown")


async def test_a_revoked_key_is_refused(task):
    token, key = new_key("old", Scope.ADMIN, 0.0)
    revoked = type(key)(key.id, key.name, key.scope, key.digest, 0.0, revoked_at_s=1.0)
    keyring = Keyring(type("Source", (), {"all": lambda self: (revoked,)}))
    app = build(IngressContext(MemoryGateway(NODES), SETTINGS, CATALOG, keyring))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://forerun") as http:
        reply = await http.post("/v1/tasks", json=task, headers=bearer(token))

    assert (reply.status_code, reply.json()["detail"]) == (401, "the API key is revoked")


async def test_a_key_may_do_what_its_scope_includes(http, stored, task):
    read, submit, admin = (bearer(stored.tokens[scope]) for scope in Scope)

    assert (await http.get("/v1/tasks", headers=read)).status_code == 200
    assert (await http.get("/metrics", headers=read)).status_code == 200
    refused = await http.post("/v1/tasks", json=task, headers=read)
    assert refused.status_code == 403
    assert "'read key' has the scope read, and this request needs submit" in refused.json()["detail"]
    assert "--scope submit" in refused.json()["fix"]
    assert (await http.post("/v1/tasks", json=task, headers=submit)).status_code == 202
    assert (await http.post("/v1/learner/rollback", headers=submit)).status_code == 403
    assert (await http.post("/v1/learner/rollback", headers=admin)).status_code == 404, "there is no version"


async def test_a_key_may_be_sent_beside_the_authorization_of_a_proxy(http, stored):
    headers = {"Authorization": "Basic dXNlcjpwYXNz", "X-Forerun-Key": stored.tokens[Scope.READ]}

    assert (await http.get("/v1/tasks", headers=headers)).status_code == 200


async def test_probes_and_pages_need_no_key(http):
    for path in ("/healthz", "/readyz", "/", "/docs", "/openapi.json"):
        assert (await http.get(path)).status_code == 200, path


async def test_events_need_a_key_in_the_header(http, stored, task):
    submitted = await http.post("/v1/tasks", json=task, headers=bearer(stored.tokens[Scope.SUBMIT]))
    path = f"/v1/tasks/{submitted.json()['id']}/events"
    await http.delete(f"/v1/tasks/{submitted.json()['id']}", headers=bearer(stored.tokens[Scope.SUBMIT]))

    assert (await http.get(path)).status_code == 401
    followed = await http.get(path, headers=bearer(stored.tokens[Scope.READ]))
    assert followed.status_code == 200
    assert "event: run_ended" in followed.text


async def test_openapi_states_the_scope_of_every_route(http):
    document = (await http.get("/openapi.json")).json()

    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            scope = scope_of(method.upper(), path)
            assert operation["security"] == ([] if scope is None else [{"key": [scope.value]}])
    assert document["paths"]["/v1/tasks"]["post"]["security"] == [{"key": ["submit"]}]
    assert document["paths"]["/v1/learner/rollback"]["post"]["security"] == [{"key": ["admin"]}]
    assert document["paths"]["/healthz"]["get"]["security"] == []
    assert "401" in document["paths"]["/v1/tasks"]["get"]["responses"]


def test_a_route_that_nobody_named_is_not_open():
    assert scope_of("GET", "/v2/anything") is Scope.READ
    assert scope_of("PATCH", "/v2/anything") is Scope.SUBMIT


async def test_the_client_sends_its_token(locked, stored, task):
    transport = httpx.ASGITransport(locked)
    async with Client("http://forerun", transport=transport, token=stored.tokens[Scope.SUBMIT]) as client:
        view = await client.submit(task)
        await client.cancel(view.id)
        assert [event.kind async for event in client.events(view.id)][-1] == "run_ended"
    async with Client("http://forerun", transport=transport) as client:
        with pytest.raises(NotAllowed, match="needs an API key"):
            await client.list()


async def test_headers_for_a_proxy_go_with_every_request_and_leave_room_for_the_token():
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, json={"nodes": []})

    headers = {"Authorization": "Basic dXNlcjpwYXNz", "CF-Access-Client-Id": "abc"}
    transport = httpx.MockTransport(answer)
    async with Client("http://forerun", transport=transport, token="t", headers=headers) as client:  # noqa: S106
        await client.nodes()

    assert seen[0]["authorization"] == "Basic dXNlcjpwYXNz"
    assert seen[0]["cf-access-client-id"] == "abc"
    assert seen[0]["x-forerun-key"] == "t"


@pytest.fixture
def forerun(locked, monkeypatch):
    """Runs a command against the locked service."""

    def reaching(url: str, **given) -> Client:
        return Client(url, transport=httpx.ASGITransport(locked), **given)

    monkeypatch.setattr(orchestrator.cli.tasks, "Client", reaching)
    for name in ("FORERUN_URL", "FORERUN_TOKEN", "FORERUN_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    return lambda *arguments, **more: CliRunner().invoke(cli, [str(part) for part in arguments], **more)


COMMANDS = [
    ("list",), ("agents",), ("nodes",), ("show", "{id}"), ("cancel", "{id}"), ("submit", "{file}"), ("plan", "{file}"),
    ("learner",), ("learner", "versions"), ("learner", "rollback"), ("ledger",),
    ("resolve", "{id}", "step", "--did-not-happen"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_takes_a_token_by_option_or_variable(forerun, stored, task_file, command):
    token = stored.tokens[Scope.ADMIN]
    submitted = forerun("submit", task_file, "--token", token)
    parts = [part.format(id=submitted.stdout.strip(), file=task_file) for part in command]

    assert "needs an API key" in forerun(*parts).stderr
    assert "needs an API key" not in forerun(*parts, "--token", token).stderr
    assert "needs an API key" not in forerun(*parts, env={"FORERUN_TOKEN": token}).stderr
    assert "needs an API key" not in forerun(*parts, "--header", f"X-Forerun-Key: {token}").stderr
    assert "needs an API key" not in forerun(*parts, env={"FORERUN_HEADERS": f'{{"X-Forerun-Key": "{token}"}}'}).stderr


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [(("--header", "nonsense"), {}), ((), {"FORERUN_HEADERS": "nonsense"}), (("--token", "schlüssel"), {})],
)
def test_a_malformed_header_is_refused(forerun, arguments, variables):
    result = forerun("list", *arguments, env=variables)

    assert result.exit_code == 2
    assert "fix:" in result.stderr
