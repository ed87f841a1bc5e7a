"""A person says whether an irreversible act in doubt has happened: over HTTP, in Python, on the command line."""

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.cli.app import app as cli
from orchestrator.client.client import Client
from orchestrator.client.errors import Conflict, NotFound


@pytest.fixture
async def task_id(client, gateway, task):
    """A task whose step `digest` is in doubt."""
    view = await client.submit(task)
    gateway.doubt(view.id, "digest")
    return view.id


def resolutions(gateway, task_id):
    return [
        {k: v for k, v in event.data.items() if k != "by"}
        for event in gateway._stored[task_id].events
        if event.kind == "doubt_resolved"
    ]


@pytest.fixture
def forerun(app, monkeypatch):
    def reaching(url: str) -> Client:
        return Client(url, transport=httpx.ASGITransport(app, raise_app_exceptions=False))

    monkeypatch.setattr(orchestrator.cli.tasks, "Client", reaching)
    return lambda *arguments: CliRunner().invoke(cli, list(arguments))


@pytest.mark.parametrize(
    ("said", "recorded"),
    [
        ({"happened": True, "output": {"order": 17}}, {"step": "digest", "happened": True, "output": {"order": 17}}),
        ({"happened": True}, {"step": "digest", "happened": True, "output": None}),
        ({"happened": False}, {"step": "digest", "happened": False, "output": None}),
    ],
)
async def test_a_step_in_doubt_is_resolved_once(client, gateway, task_id, said, recorded):
    view = await client.resolve(task_id, "digest", **said)

    assert view.id == task_id
    assert resolutions(gateway, task_id) == [recorded]
    with pytest.raises(Conflict, match="not in doubt"):
        await client.resolve(task_id, "digest", **said)


async def test_a_step_that_is_not_in_doubt_is_a_conflict(client, task_id):
    with pytest.raises(Conflict):
        await client.resolve(task_id, "fetch", happened=False)
    with pytest.raises(NotFound):
        await client.resolve("t0", "fetch", happened=False)


async def test_an_act_that_did_not_happen_has_no_output(http, task_id):
    body = {"happened": False, "output": 1}

    reply = await http.post(f"/v1/tasks/{task_id}/resolutions/digest", json=body)

    assert reply.status_code == 422
    assert "has no output" in reply.json()["detail"]


@pytest.mark.parametrize("body", [{}, {"happened": "perhaps"}, {"happened": True, "ouput": 1}, []])
async def test_a_resolution_that_is_none_is_refused(http, task_id, body):
    assert (await http.post(f"/v1/tasks/{task_id}/resolutions/digest", json=body)).status_code == 422


async def test_an_output_that_cannot_be_stored_is_refused(client, http, task_id):
    reply = await http.post(
        f"/v1/tasks/{task_id}/resolutions/digest",
        content=b'{"happened": true, "output": NaN}',
        headers={"Content-Type": "application/json"},
    )

    assert reply.status_code == 400


@pytest.mark.parametrize(
    ("options", "recorded"),
    [
        (("--happened", '{"order": 17}'), {"step": "digest", "happened": True, "output": {"order": 17}}),
        (("--happened", "null"), {"step": "digest", "happened": True, "output": None}),
        (("--did-not-happen",), {"step": "digest", "happened": False, "output": None}),
    ],
)
def test_the_command_resolves_a_step(forerun, gateway, task_file, options, recorded):
    task_id = forerun("submit", str(task_file)).stdout.strip()
    gateway.doubt(task_id, "digest")

    result = forerun("resolve", task_id, "digest", *options)

    assert result.exit_code == 0, result.stderr
    assert resolutions(gateway, task_id) == [recorded]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--did-not-happen"),
        (("--happened", "1", "--did-not-happen"), "either --happened"),
        (("--happened", "order-17"), "not JSON"),
    ],
)
def test_the_command_wants_one_answer_as_json(forerun, options, said):
    result = forerun("resolve", "t0", "digest", *options)

    assert result.exit_code == 2
    assert said in result.stderr


@pytest.fixture
def doubtful(gateway, monkeypatch):
    """Every task is in doubt at once."""
    submit = gateway.submit

    async def submitted(task, wait_s):
        view = await submit(task, wait_s)
        gateway.doubt(view.id, "fetch")
        return gateway._stored[view.id].view

    monkeypatch.setattr(gateway, "submit", submitted)
    return gateway


@pytest.mark.parametrize("how", ["--wait", "--watch"])
def test_waiting_for_a_task_ends_when_it_is_in_doubt_with_an_exit_code_and_the_fix(
    forerun, doubtful, task_file, how, monkeypatch
):
    monkeypatch.setattr("orchestrator.client.client._POLL_S", 0.01)

    result = forerun("submit", str(task_file), how)

    assert result.exit_code == 5
    told = " ".join(result.stdout.split())
    assert "step fetch may have acted (actor: the process died)" in told
    assert "fetch --happened JSON, or --did-not-happen" in told


def test_show_and_list_name_what_is_in_doubt(forerun, doubtful, task_file):
    task_id = forerun("submit", str(task_file)).stdout.strip()

    assert f"forerun resolve {task_id} fetch" in forerun("show", task_id).stdout
    assert "in_doubt" in forerun("list").stdout
    assert task_id in forerun("list", "--status", "in_doubt").stdout


async def test_a_step_whose_hook_is_being_asked_needs_nobody_yet(client, gateway, task):
    view = await client.submit(task)
    gateway.doubt(view.id, "digest", verifying=True)

    view = await client.wait(view.id, timeout_s=0.05)

    assert view.status == "in_doubt"
    assert not view.needs_resolution
