"""`forerun show TASK STEP`: one step with all its details."""

import asyncio
import json

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.cli.app import app as cli
from orchestrator.client.client import Client
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.workflow import Step
from reconciler.gate import Appraisal, Decision, Refusal
from reconciler.state.commands import RunStatus
from reconciler.state.evidence import FailureEvidence, Frame
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.waiting import WaitKind, WaitReason
from reconciler.views.models import PlansView, TimelineBar
from reconciler.views.progress import AttemptProgress

TERMS = Appraisal(claimed=0.61, probability=0.52, saved_s=0.8, cost_usd=0.0031)
FAILURE = Failure(
    kind=FailureKind.ERROR,
    message="ValueError: no text [at all]",
    fix="correct agents.py",
    evidence=FailureEvidence(
        step="fetch",
        agent="fetcher",
        frame=Frame(file="/srv/agents.py", line=9, function="fetch", code="raise ValueError"),
        traceback="Traceback (most recent call last):\n  ValueError: no text",
    ),
)


@pytest.fixture
def shown(app, monkeypatch):
    """Runs `forerun show` with arguments; returns its result."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    monkeypatch.setattr(orchestrator.cli.tasks, "Client", lambda url: Client(url, transport=transport))
    return lambda *arguments: CliRunner().invoke(cli, ["show", *arguments])


def bar(**more):
    what = {"attempt": "t.1", "step": "fetch", "capability": "fetch", "agent": "fetcher", "node": "n1"}
    how = {"epoch": 1, "speculative": False, "status": "finished", "dispatched_s": 0.5}
    return TimelineBar(**{**what, **how, **more})


@pytest.fixture
def running(client, task, gateway):
    """Shows a task whose step `fetch` was planned, with attempts and other parts of its timeline; returns its id."""
    placement = Placement(agent="fetcher", node="n1", start_s=0.5, duration_s=2.0)
    step = Step(id="fetch", capability="fetch", title="Read it", inputs={"url": "$inputs.url"})
    plan = Plan(
        kind=PlanKind.OPTIMAL, origin="cp-sat", steps=(PlannedStep(step=step, placement=placement, work_key="w"),)
    )

    async def show(*bars, **timeline):
        made = (await client.submit(task)).id
        await gateway.show(made, bars, PlansView(task=made, optimal=plan), timeline)
        return made

    return show


@pytest.fixture
async def failed(running):
    return await running(bar(status="failed", failure=FAILURE, reason=FAILURE.message, ended_s=1.0))


def test_a_failed_step_tells_its_inputs_its_attempts_and_why_with_the_traceback(failed, shown):
    told = shown(failed, "fetch").stdout

    for part in (
        "fetch  failed  Read it",
        "input url: https://example.org ($inputs.url)",
        "optimal plan: fetcher on n1 at 0.500 s, for 2.000 s",
        "ValueError: no text [at all]",
        "agents.py:9 in fetch",
        "Traceback (most recent call last):",
        "correct agents.py",
        f"forerun logs {failed} fetch",
    ):
        assert part in told


@pytest.fixture
async def finished(running, gateway):
    progress = AttemptProgress(at_s=1.0, message="reads", done=0.5, notices=("agent 'fetcher' opens a socket",))
    made = await running(bar(ended_s=2.0, progress=progress, appraisal=TERMS))
    gateway._find(made).outputs["fetch"] = {"text": "hello"}
    return made


def test_a_finished_step_tells_its_output_and_what_it_has_told(finished, shown):
    told = shown(finished, "fetch").stdout

    assert json.loads(told[told.index("{") : told.rindex("}") + 1]) == {"text": "hello"}
    assert "t.1 told: 50% reads" in told
    assert "noticed: agent 'fetcher' opens a socket" in told
    assert "gate: dispatched before the optimal plan: P 52%, L 0.800 s, C $0.0031" in told


def test_json_is_the_view_of_the_step(finished, shown):
    assert json.loads(shown(finished, "fetch", "--json").stdout)["attempts"][0]["attempt"] == "t.1"


def test_a_step_that_is_not_there_is_refused(finished, shown):
    result = shown(finished, "nothing")

    assert result.exit_code == 2
    assert "the task has no step 'nothing'" in result.stderr


@pytest.fixture
async def waiting(running):
    message = "waiting for 1 CPU on node n1: 2 of 2 in use"
    waits = WaitReason(step="fetch", kind=WaitKind.ROOM, since_s=0.1, message=message)
    about = {"step": "fetch", "agent": "fetcher", "node": "n1", "appraisal": TERMS}
    refused = Decision(**about, dispatch=False, refusal=Refusal.PRICE, reason="too dear")
    return await running(waiting=(waits,), refusals=(refused,))


def test_a_step_that_waits_tells_why_and_what_the_gate_decided(waiting, shown):
    told = shown(waiting, "fetch").stdout

    assert "waits: waiting for 1 CPU on node n1: 2 of 2 in use" in told
    assert "gate: refused (too dear): P 52%, L 0.800 s, C $0.0031" in told


def test_a_task_without_attempts_says_so_in_place_of_an_empty_table(shown, app, gateway, task):
    async def submitted() -> str:
        async with Client("http://forerun", transport=httpx.ASGITransport(app)) as client:
            return (await client.submit(task)).id

    task_id = asyncio.run(submitted())
    planning = shown(task_id).stdout
    asyncio.run(gateway.end(task_id, RunStatus.CANCELLED))

    assert "no step has begun: the plan is being made" in planning
    assert shown(task_id).stdout.rstrip().endswith("no step has begun")
    assert "verdict" not in planning
