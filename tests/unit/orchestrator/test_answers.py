"""Answers to steps that wait for somebody: over HTTP, from Python and on the command line."""

import json

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.cli.app import app as cli
from orchestrator.client.client import Client
from orchestrator.client.errors import Conflict
from orchestrator.gateway.protocol import StepAnswer
from planners.built_in_names import APPROVAL, CALLBACK
from planners.model import StepId
from reconciler.state.waiting import WaitKind, WaitReason


def asks(gateway, task_id, step="sign", agent=APPROVAL):
    """The task as if a step of it asked."""
    message = "waiting for an answer: Pay?"
    reason = WaitReason(step=StepId(step), kind=WaitKind.ANSWER, since_s=1.0, message=message, agent=agent)
    stored = gateway._find(task_id)
    stored.view = stored.view.model_copy(update={"waiting": (reason,)})


def answers(gateway, task_id):
    return [event.data for event in gateway._stored[task_id].events if event.kind == "step_answered"]


@pytest.fixture
async def task_id(client, task):
    return (await client.submit(task)).id


@pytest.fixture
def forerun(app, monkeypatch):
    def reaching(url: str) -> Client:
        return Client(url, transport=httpx.ASGITransport(app, raise_app_exceptions=False))

    monkeypatch.setattr(orchestrator.cli.tasks, "Client", reaching)
    return lambda *arguments: CliRunner().invoke(cli, list(arguments))


def test_a_command_to_copy_quotes_the_name_of_a_step_that_a_shell_would_expand(forerun, gateway, task_file):
    task_id = forerun("submit", str(task_file)).stdout.strip()
    asks(gateway, task_id, "sign[0]")

    assert f"forerun approve {task_id} 'sign[0]', or" in forerun("show", task_id).stdout


def test_a_callback_is_shown_with_the_command_that_sends_its_output(forerun, gateway, task_file):
    task_id = forerun("submit", str(task_file)).stdout.strip()
    asks(gateway, task_id, "paid", CALLBACK)

    shown = forerun("show", task_id).stdout

    assert f"fix: forerun approve {task_id} paid --output JSON\n" in shown
    assert "reject" not in shown


@pytest.mark.parametrize(
    ("command", "recorded"),
    [
        (("approve", "--by", "ada", "-m", "fine"), {"approved": True, "output": None, "comment": "fine", "by": "ada"}),
        (("approve", "--output", '{"a": 1}'), {"approved": True, "output": {"a": 1}, "comment": "", "by": ""}),
        (("reject", "-m", "no"), {"approved": False, "output": None, "comment": "no", "by": ""}),
    ],
)
def test_the_commands_answer_a_step(forerun, gateway, task_file, command, recorded):
    task_id = forerun("submit", str(task_file)).stdout.strip()
    asks(gateway, task_id)
    name, *options = command

    shown = forerun("show", task_id)
    result = forerun(name, task_id, "sign", *options)

    assert f"forerun approve {task_id} sign" in shown.stdout
    assert result.exit_code == 0, result.stderr
    assert answers(gateway, task_id) == [{"step": "sign", **recorded}]


def test_the_command_wants_its_output_as_json(forerun, task_file):
    task_id = forerun("submit", str(task_file)).stdout.strip()

    result = forerun("approve", task_id, "sign", "--output", "nothing")

    assert result.exit_code != 0
    assert "not JSON" in result.stderr


def test_only_an_output_that_was_given_is_sent(monkeypatch):
    sent = []
    monkeypatch.setattr(orchestrator.cli.tasks, "Client", lambda url: Client(url, transport=httpx.MockTransport(taken)))

    def taken(request):
        sent.append(json.loads(request.content))
        return httpx.Response(404)

    for options in ([], ["--output", "null"]):
        CliRunner().invoke(cli, ["approve", "t", "paid", *options])

    assert sent == [{"comment": "", "by": ""}, {"comment": "", "by": "", "output": None}]


async def test_a_step_that_asks_nothing_is_a_conflict(client, task_id):
    with pytest.raises(Conflict, match="does not wait for an answer"):
        await client.answer(task_id, "sign", StepAnswer())


@pytest.mark.parametrize("body", [{"approved": "perhaps"}, {"aproved": True}, []])
async def test_an_answer_that_is_none_is_refused(http, task_id, body):
    assert (await http.post(f"/v1/tasks/{task_id}/approvals/sign", json=body)).status_code == 422
