"""What people say about the limits of a task: over HTTP, from Python and on the command line."""

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.cli.app import app as cli
from orchestrator.client.client import Client
from orchestrator.client.errors import Conflict
from orchestrator.gateway.protocol import LimitsChange
from reconciler.state.task_limits import TaskLimit
from reconciler.views.limits import LimitAnswer, LimitQuestion, LimitsView

ASKS = LimitsView(
    budget_usd=2.0,
    asked=(LimitQuestion(limit=TaskLimit.BUDGET_USD, message="step 'c' would cost $1.00", steps=("c",)),),
    answers=(LimitAnswer(at_s=7.0, action="raise", budget_usd=2.0, by="ada", comment="fine"),),
)


async def asks(gateway, task_id):
    await gateway.show(task_id, limits=ASKS)


def changes(gateway, task_id):
    return [event.data for event in gateway._stored[task_id].events if event.kind == "limits_answered"]


@pytest.fixture
async def task_id(client, task, gateway):
    task_id = (await client.submit(task)).id
    await asks(gateway, task_id)
    return task_id


@pytest.fixture
def forerun(app, monkeypatch):
    def reaching(url: str) -> Client:
        return Client(url, transport=httpx.ASGITransport(app, raise_app_exceptions=False))

    monkeypatch.setattr(orchestrator.cli.tasks, "Client", reaching)
    return lambda *arguments: CliRunner().invoke(cli, list(arguments))


async def test_a_limit_is_raised_from_python(client, gateway, task_id):
    view = await client.change_limits(task_id, LimitsChange(budget_usd=5.0, by="ada"))

    assert view.limits.asked == ()
    assert [(one["action"], one["budget_usd"], one["by"]) for one in changes(gateway, task_id)] == [
        ("raise", 5.0, "ada")
    ]


@pytest.mark.parametrize(
    ("options", "recorded"),
    [
        (("--budget-usd", "5", "-m", "fine"), ("raise", 5.0, "fine")),
        (("--finish",), ("finish", None, "")),
        (("--fail", "-m", "too dear"), ("fail", None, "too dear")),
    ],
)
def test_the_command_answers(forerun, gateway, task_file, options, recorded):
    task_id = forerun("submit", str(task_file)).stdout.strip()
    stored = gateway._find(task_id)
    stored.view = stored.view.model_copy(update={"limits": ASKS})

    shown = forerun("show", task_id)
    result = forerun("limits", task_id, *options)

    assert "asks: step 'c' would cost $1.00" in shown.stdout
    assert f"forerun limits {task_id} --budget-usd N, or --finish, or --fail" in shown.stdout
    assert "limits: budget_usd raised to 2 by ada at 7 s: fine" in shown.stdout
    assert result.exit_code == 0, result.stderr
    assert [(one["action"], one["budget_usd"], one["comment"]) for one in changes(gateway, task_id)] == [recorded]


@pytest.mark.parametrize("options", [(), ("--finish", "--fail"), ("--finish", "--budget-usd", "5")])
def test_the_command_wants_one_thing(forerun, options):
    result = forerun("limits", "t", *options)

    assert result.exit_code != 0
    assert "--budget-usd 5" in result.stderr


async def test_a_task_that_asks_nothing_is_a_conflict(client, task):
    task_id = (await client.submit(task)).id

    with pytest.raises(Conflict, match="does not ask"):
        await client.change_limits(task_id, LimitsChange(action="finish"))


@pytest.mark.parametrize("body", [{}, {"budget_usd": -1}, {"action": "finish", "budget_usd": 3}, {"action": "stop"}])
async def test_a_change_that_is_none_is_refused(http, task_id, body):
    assert (await http.post(f"/v1/tasks/{task_id}/limits", json=body)).status_code == 422
