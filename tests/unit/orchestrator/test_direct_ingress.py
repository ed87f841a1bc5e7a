"""The application without Ray Serve: a server on the event loop, and a gateway to a shard of the same process."""

import asyncio
import gc
import socket
import sys
from dataclasses import dataclass

import httpx
import pytest
from mcp.client import Client as McpClient

from orchestrator.errors import CannotStart, Unavailable
from orchestrator.gateway.actor_calls import ActorCalls
from orchestrator.gateway.memory import MemoryGateway
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.http_server import HttpServer
from orchestrator.service.addresses import refuse_taken, with_port
from orchestrator.service.direct_ingress import IngressShard, RequestsFirst, listen
from orchestrator.service.placement import refuse_client_with_files
from orchestrator.settings import ClusterSettings, Http, IngressMode, Settings
from planners.agents import Catalog
from reconciler.errors import UnknownTask

from .conftest import CATALOG, NODES, SETTINGS

LOCAL = Http(host="127.0.0.1", port=0)


@pytest.fixture(autouse=True)
def as_before():
    """A shard has its process to itself; here others come after it."""
    interval_s, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval_s)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


async def test_the_application_answers_at_the_address_until_it_is_stopped(app, task):
    http = with_port(LOCAL)
    server = HttpServer(http.host, http.port)
    await server.start(app)
    async with httpx.AsyncClient(base_url=http.url, trust_env=False) as client:
        reply = await client.post("/v1/tasks", json=task)
    await server.stop()

    assert reply.status_code == 202
    async with httpx.AsyncClient(base_url=http.url, trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/healthz")


async def test_runs_give_way_to_a_request_before_it_is_read(app, task):
    happened = []

    async def received(scope, receive, send):
        if scope["type"] == "http":
            happened.append(scope["path"])
        await app(scope, receive, send)

    http = with_port(LOCAL)
    server = await listen(RequestsFirst(received, lambda: happened.append("way")), http)
    async with httpx.AsyncClient(base_url=http.url, trust_env=False) as client:
        reply = await client.post("/v1/tasks", json=task)
    await server.stop()

    assert reply.status_code == 202
    assert happened == ["way", "/v1/tasks"]


async def test_tools_of_mcp_are_there_as_well():
    http = with_port(Http(host="127.0.0.1", port=0, mcp=True))
    settings = SETTINGS.model_copy(update={"http": http})
    server = HttpServer(http.host, http.port)
    await server.start(build(IngressContext(MemoryGateway(NODES), settings, CATALOG, None)))
    async with McpClient(f"{http.url}/mcp") as client:
        tools = (await client.list_tools()).tools
    async with httpx.AsyncClient(base_url=http.url, trust_env=False) as client:
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        headers = {"Accept": "application/json, text/event-stream"}
        rebound = await client.post("/mcp", json=ping, headers={**headers, "Host": "evil.example"})
    await server.stop()

    assert 400 <= rebound.status_code < 500
    assert all(tool.description for tool in tools)
    assert {tool.name for tool in tools} >= {agent.capability for agent in CATALOG.agents}


async def test_an_address_that_is_taken_is_reported_with_the_fix(app):
    with socket.socket() as other:
        other.bind((LOCAL.host, 0))
        other.listen()
        with pytest.raises(CannotStart, match="cannot listen on") as refused:
            await HttpServer(LOCAL.host, other.getsockname()[1]).start(app)

    assert refused.value.field == "http.port"


async def test_several_processes_listen_at_one_address_and_a_stranger_is_refused(app):
    http = with_port(LOCAL)
    refuse_taken(http)
    servers = [HttpServer(http.host, http.port, shares=True) for _ in range(2)]
    for server in servers:
        await server.start(app)

    with pytest.raises(CannotStart, match="cannot listen on"):
        refuse_taken(http)
    await servers[0].stop()
    async with httpx.AsyncClient(base_url=http.url, trust_env=False) as client:
        reply = await client.get("/healthz")
    await servers[1].stop()

    assert reply.status_code == 200


def test_a_port_that_is_given_is_kept():
    assert with_port(Http(port=1234)).port == 1234


def test_a_free_port_is_none_that_the_kernel_gives_to_a_connection_meanwhile():
    ports = {with_port(LOCAL).port for _ in range(20)}

    assert all(20_000 <= port < 32_768 for port in ports)
    assert len(ports) > 1


def test_a_host_that_is_not_this_machine_is_refused():
    with pytest.raises(CannotStart, match=r"cannot listen on 192\.0\.2\.1") as refused:
        with_port(Http(host="192.0.2.1", port=0))

    assert refused.value.field == "http.host"


class Here:
    """A shard of this process."""

    def __init__(self):
        self.done = []

    async def show(self, task_id):
        raise UnknownTask(f"there is no task '{task_id}'")

    async def slow(self):
        await asyncio.sleep(0.05)
        self.done.append("slow")

    async def pid(self):
        return 7


async def test_a_shard_of_the_same_process_is_called_directly():
    calls = ActorCalls({"shard": Here()})

    assert await calls.call("shard", "the shard", "pid") == 7
    with pytest.raises(UnknownTask):
        await calls.call("shard", "the shard", "show", "t1")


async def test_a_late_answer_is_an_error_and_the_call_goes_on():
    here = Here()

    with pytest.raises(Unavailable, match="did not answer"):
        await ActorCalls({"shard": here}).call("shard", "the shard", "slow", timeout_s=0.001)
    while not here.done:  # noqa: ASYNC110 -- nothing tells of it
        await asyncio.sleep(0.005)


def test_a_direct_ingress_needs_a_service_on_its_own_host():
    settings = Settings(cluster=ClusterSettings(address="ray://head:10001"), http=Http(ingress=IngressMode.DIRECT))

    with pytest.raises(CannotStart, match="direct ingress"):
        refuse_client_with_files(settings)


class _Shard:
    """What a process with an ingress needs of its shard."""

    def give_way(self) -> None: ...

    async def resume(self) -> int:
        return 0

    async def ready(self) -> None: ...

    async def close(self) -> None: ...


@dataclass
class _Build:
    settings: Settings
    catalog: Catalog = CATALOG

    async def __call__(self, index: int) -> _Shard:
        return _Shard()


async def test_a_restarted_process_listens_once_its_port_is_free_however_long_that_takes(monkeypatch):
    """The kernel may have given the port to a connection of another program meanwhile."""
    monkeypatch.setattr("orchestrator.service.direct_ingress._RETRIES", 2)
    monkeypatch.setattr("orchestrator.service.direct_ingress._PAUSE_S", 0.01)
    with socket.socket() as other:
        other.bind((LOCAL.host, 0))
        other.listen()
        http = LOCAL.model_copy(update={"port": other.getsockname()[1]})
        actor = IngressShard(_Build(SETTINGS.model_copy(update={"http": http})), 0)
        with pytest.raises(CannotStart, match="is in use"):
            await actor.start()

    async with httpx.AsyncClient(base_url=http.url, trust_env=False) as client, asyncio.timeout(30):
        while True:
            try:
                reply = await client.get("/healthz")
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.01)
    await actor.close()

    assert reply.status_code == 200
