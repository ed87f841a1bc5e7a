"""Signed addresses: an outside system answers a callback without an API key, and only that callback."""

import asyncio
import stat
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.callback_urls import CallbackUrls, callback_urls
from orchestrator.cli.app import app as cli
from orchestrator.client.client import Client
from orchestrator.client.errors import Conflict
from orchestrator.errors import Forbidden
from orchestrator.gateway.memory import MemoryGateway
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.keyring import Keyring
from orchestrator.service.addresses import with_addresses
from orchestrator.settings import CallbackSettings, Http, Settings
from planners.agents import Catalog
from planners.built_in_names import CALLBACK
from planners.model import AttemptId, NodeId, StepId, TaskId
from reconciler.state.waiting import WaitKind, WaitReason
from reconciler.views.models import TimelineBar

URLS = CallbackUrls("http://forerun", b"a key that signs", 60.0)


async def waits(gateway, task_id, step="paid"):
    """The task as if a callback of it waited."""
    message = "waiting for an answer: the payment"
    reason = WaitReason(step=StepId(step), kind=WaitKind.ANSWER, since_s=1.0, message=message, agent=CALLBACK)
    bar = TimelineBar(
        attempt=AttemptId(f"{task_id}.1"),
        step=StepId(step),
        capability=CALLBACK,
        agent=CALLBACK,
        node=NodeId("n1"),
        epoch=1,
        speculative=False,
        status="running",
        dispatched_s=1.0,
    )
    await gateway.show(task_id, [bar], waiting=(reason,))


def recorded(gateway, task_id, kind="step_answered"):
    return [event.data for event in gateway._stored[task_id].events if event.kind == kind]


@pytest.fixture
async def task_id(client, task, gateway):
    task_id = (await client.submit(task)).id
    await waits(gateway, task_id)
    return task_id


async def test_a_message_at_a_signed_address_is_the_output(http, gateway, task_id):
    answered = await http.post(URLS.of(task_id, "paid").url, json={"amount": 12})

    assert answered.status_code == 200
    assert answered.json() == {"task": task_id, "step": "paid"}
    (answer,) = recorded(gateway, task_id)
    assert (answer["output"], answer["by"]) == ({"amount": 12}, "its signed address")
    again = await http.post(URLS.of(task_id, "paid").url, json=1)
    assert again.status_code == 409


@pytest.mark.parametrize("body", [{}, {"json": 0}, {"json": ["a"]}, {"json": "text"}])
async def test_a_message_may_be_any_json_or_empty(http, gateway, task_id, body):
    answered = await http.post(URLS.of(task_id, "paid").url, **body)

    assert answered.status_code == 200
    assert recorded(gateway, task_id)[0]["output"] == body.get("json")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (("paid?", "sign?"), "signature of this address is wrong"),
        (("expires=", "expires=9"), "signature of this address is wrong"),
        (("signature=", "signature=0"), "signature of this address is wrong"),
        (("signature=", "other="), "signature of this address is wrong"),
    ],
)
async def test_a_changed_address_is_refused(http, gateway, task_id, changed, why):
    refused = await http.post(URLS.of(task_id, "paid").url.replace(*changed), json=1)

    assert refused.status_code == 403
    assert why in refused.json()["detail"]
    assert recorded(gateway, task_id) == []


async def test_an_address_expires(http, gateway, task_id):
    refused = await http.post(URLS.of(task_id, "paid", ttl_s=-1).url, json=1)

    assert refused.status_code == 403
    assert "has expired at" in refused.json()["detail"]
    assert recorded(gateway, task_id) == []


def test_an_address_of_another_task_step_or_key_is_refused():
    query = {name: one[0] for name, one in parse_qs(urlsplit(URLS.of(TaskId("t1"), StepId("paid")).url).query).items()}
    other_key = CallbackUrls("http://forerun", b"another key", 60.0)

    URLS.check(TaskId("t1"), StepId("paid"), **query)
    for urls, task, step in ((URLS, "t2", "paid"), (URLS, "t1", "pai"), (other_key, "t1", "paid")):
        with pytest.raises(Forbidden):
            urls.check(TaskId(task), StepId(step), **query)


async def test_a_heartbeat_at_a_signed_address_counts(http, gateway, task_id):
    beaten = await http.post(URLS.of(task_id, "paid").heartbeat_url)
    refused = await http.post(URLS.of(task_id, "paid").heartbeat_url + "0")

    assert beaten.json() == {"waiting": True}
    assert recorded(gateway, task_id, "heartbeat_received") == [{"step": "paid"}]
    assert refused.status_code == 403


async def test_a_service_that_requires_keys_takes_messages_at_signed_addresses():
    keyring = Keyring(type("Source", (), {"all": lambda self: ()}))
    settings = Settings(callbacks=CallbackSettings(key="a key that signs"))
    app = build(IngressContext(MemoryGateway(), settings, Catalog(), keyring))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://forerun") as http:
        without = await http.post("/v1/tasks/t/heartbeats/paid")
        signed = await http.post(URLS.of("00000000000000000000000000", "paid").heartbeat_url)

    assert without.status_code == 401
    assert signed.status_code == 404


async def test_the_address_of_a_callback_is_made_for_those_with_a_key(client, http, task_id):
    address = await client.callback_address(task_id, "paid", ttl_s=5)

    assert (await http.post(address.url, json=1)).status_code == 200


async def test_a_step_that_is_no_callback_has_no_address(client, gateway, task_id):
    await gateway.show(task_id, [bar.model_copy(update={"capability": "do"}) for _, bar in _bars(gateway, task_id)])

    with pytest.raises(Conflict, match="is no callback"):
        await client.callback_address(task_id, "paid")


def _bars(gateway, task_id):
    return gateway._find(task_id).bars.values()


def test_the_command_prints_the_address(app, gateway, task_file, monkeypatch):
    def reaching(url: str) -> Client:
        return Client(url, transport=httpx.ASGITransport(app, raise_app_exceptions=False))

    monkeypatch.setattr(orchestrator.cli.tasks, "Client", reaching)
    task_id = CliRunner().invoke(cli, ["submit", str(task_file)]).stdout.strip()
    asyncio.run(waits(gateway, task_id))

    result = CliRunner().invoke(cli, ["callback", task_id, "paid"])

    assert result.exit_code == 0, result.stderr
    assert f"/v1/callbacks/{task_id}/paid?expires=" in result.stdout
    assert f"heartbeats: http://127.0.0.1:8700/v1/heartbeats/{task_id}/paid" in result.stdout


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    settings = Settings(data_dir=tmp_path, http=Http(public_url="https://forerun.example/"))

    first, second = with_addresses(settings), with_addresses(settings)

    assert first.callbacks.key == second.callbacks.key
    assert stat.S_IMODE((tmp_path / "callback.key").stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    assert (
        callback_urls(first)
        .of("t", "each[0]/paid")
        .url.startswith("https://forerun.example/v1/callbacks/t/each%5B0%5D/paid?")
    )
    assert callback_urls(settings) is None
