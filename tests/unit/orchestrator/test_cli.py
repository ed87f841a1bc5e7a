"""The command line over a service in memory: what it prints, and how it ends."""

import json
import socket
from pathlib import Path
from unittest.mock import AsyncMock

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.cli.app import app as cli
from orchestrator.client.client import Client
from orchestrator.client.errors import Unreachable
from orchestrator.gateway.memory import MemoryGateway
from orchestrator.gateway.preview import preview as compare
from planners.plans import Placement, Plan, PlannedStep
from planners.tasks import AdmittedTask, Task
from planners.workflow import Step
from reconciler.runtime.planned_preview import PlannedPreview
from reconciler.state.commands import RunStatus
from reconciler.state.evidence import FailureEvidence, Frame
from reconciler.state.handoff import Failure, FailureKind
from reconciler.views.models import TaskView

from .conftest import NODES


class _Finishing(MemoryGateway):
    """Every run ends at once with ``status`` and ``failure``."""

    status = RunStatus.SUCCEEDED
    failure: Failure | None = None

    async def submit(self, task: AdmittedTask, wait_s: float = 0.0) -> TaskView:
        view = await super().submit(task)
        if view.id == task.id:
            await self.record(task.id, "run_started")
            await self.end(task.id, self.status, {"fetch": {"text": "hello"}}, self.failure)
        return view


@pytest.fixture
def gateway():
    return _Finishing(NODES)


@pytest.fixture
def forerun(app, monkeypatch):
    """Runs a command; returns its result."""

    def reaching(url: str) -> Client:
        return Client(url, transport=httpx.ASGITransport(app, raise_app_exceptions=False))

    monkeypatch.setattr(orchestrator.cli.tasks, "Client", reaching)
    monkeypatch.delenv("FORERUN_URL", raising=False)
    runner = CliRunner()
    return lambda *arguments, **more: runner.invoke(cli, [str(part) for part in arguments], **more)


def test_trace_writes_a_file_for_trace_viewers(forerun, task_file, tmp_path):
    task_id = forerun("submit", task_file).output.strip()
    file = tmp_path / "run.json"

    result = forerun("trace", task_id, "--output", file)

    assert result.exit_code == 0
    assert "ui.perfetto.dev" in result.output
    assert json.loads(file.read_text())["otherData"]["task"] == task_id
    assert json.loads(forerun("trace", task_id, "--output", "-").output)["traceEvents"]
    assert forerun("trace", task_id, "--output", tmp_path / "no" / "folder").exit_code == 2


def test_submit_prints_the_id(forerun, task_file):
    result = forerun("submit", task_file)

    assert result.exit_code == 0
    assert forerun("show", result.stdout.strip(), "--json").exit_code == 0


def test_submit_takes_standard_input(forerun, task):
    result = forerun("submit", "-", "--json", input=json.dumps(task))

    assert json.loads(result.stdout)["name"] == "a digest"


def test_submit_waits_and_prints_what_came_out(forerun, task_file):
    result = forerun("submit", task_file, "--wait", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["outputs"] == {"fetch": {"text": "hello"}}


def test_submit_watches_to_the_end(forerun, task_file):
    result = forerun("submit", task_file, "--watch")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "succeeded" in lines[0]
    assert json.loads("\n".join(lines[lines.index("{") :])) == {"fetch": {"text": "hello"}}


@pytest.mark.parametrize("how", ["--wait", "--watch"])
def test_a_failed_task_is_exit_code_1(forerun, gateway, task_file, how):
    gateway.status = RunStatus.FAILED

    assert forerun("submit", task_file, how).exit_code == 1


def test_a_failed_task_tells_why_and_how_to_go_on(forerun, gateway, task_file):
    gateway.status = RunStatus.FAILED
    frame = Frame(file="bad.py", line=9, function="summarise")
    gateway.failure = Failure(
        kind=FailureKind.ERROR,
        message="step 'a' failed: KeyError: 'text' at bad.py:9 in summarise",
        fix="correct bad.py:9",
        evidence=FailureEvidence(step="a", agent="fetcher", node="n1", frame=frame, stderr="oh no"),
    )

    for arguments in (("submit", task_file, "--wait"), ("submit", task_file, "--watch")):
        text = " ".join(forerun(*arguments).stdout.split())
        for told in ("at: bad.py:9 in summarise", "agent fetcher, node n1", "oh no", "fix: correct", "forerun retry t"):
            assert told in text
        assert "forerun logs t" in text


def test_mode_overrides_the_file(forerun, task_file):
    assert json.loads(forerun("submit", task_file, "--mode", "wait", "--json").stdout)["mode"] == "wait"


def test_the_same_key_is_the_same_task(forerun, task_file):
    first = forerun("submit", task_file, "--idempotency-key", "k").stdout

    assert forerun("submit", task_file, "--idempotency-key", "k").stdout == first


BAD_FILES = {
    "no YAML": ("a: [", "correct"),
    "no task": ("- 1", "fix"),
    "far too deep": ("goal: " + "[" * 3000 + "]" * 3000, "nest"),
    "an unknown field": ("goal: x\nlimit: {}\n", "limits"),
    "an unknown capability": ("workflow: {steps: [{id: a, capability: fetsh}]}", "fetch"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_exit_code_2_with_field_and_fix_and_no_traceback(forerun, tmp_path: Path, kind):
    text, fix = BAD_FILES[kind]
    file = tmp_path / "bad.yaml"
    file.write_text(text)

    result = forerun("submit", file)

    assert result.exit_code == 2
    assert "error:" in result.stderr
    assert fix in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_missing_file_is_exit_code_2(forerun, tmp_path):
    result = forerun("submit", tmp_path / "none.yaml")

    assert result.exit_code == 2
    assert "No such file" in result.stderr


def test_with_json_a_refusal_is_a_problem_document(forerun, tmp_path):
    (tmp_path / "bad.yaml").write_text("workflow: {steps: [{id: a, capability: fetsh}]}")

    result = forerun("submit", tmp_path / "bad.yaml", "--json")

    problem = json.loads(result.stderr)
    assert (problem["status"], problem["field"]) == (422, "workflow.steps.a.capability")


def test_an_unreachable_service_is_exit_code_3():
    result = CliRunner().invoke(cli, ["list", "--url", "http://127.0.0.1:9"])

    assert result.exit_code == 3
    assert "forerun up" in result.stderr


def test_an_interrupted_wait_is_exit_code_130(forerun, task_file, monkeypatch):
    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(orchestrator.cli.tasks, "with_client", interrupted)

    assert forerun("submit", task_file, "--wait").exit_code == 130


@pytest.mark.parametrize("left", [KeyboardInterrupt(), Unreachable("it is away")], ids=repr)
@pytest.mark.parametrize("shown", [("--wait",), ("--watch",), ("--wait", "--json")])
def test_whoever_stops_waiting_learns_which_task_goes_on(forerun, task_file, monkeypatch, left, shown):
    monkeypatch.setattr(Client, "wait", AsyncMock(side_effect=left))

    result = forerun("submit", task_file, *shown)

    (task,) = json.loads(forerun("list", "--json").stdout)["tasks"]
    assert result.exit_code in {3, 130}
    assert task["id"] in (result.stdout if "--json" in shown else result.stderr)


def test_what_makes_no_sense_together_is_refused(forerun, task_file):
    assert forerun("submit", task_file, "--watch", "--json").exit_code == 2
    assert forerun("submit").exit_code == 2
    assert forerun("no-such-command").exit_code == 2


def test_plan_shows_critical_path_floor_slack_parallelism_and_cost(forerun, task_file, gateway, monkeypatch):
    def planned(name, seconds, *parents):
        step = Step(id=name, capability="c", after=parents)
        return PlannedStep(
            step=step, placement=Placement(agent="a", node="n", duration_s=seconds, usd=0.5), work_key=name
        )

    plan = Plan(kind="optimal", steps=(planned("a", 1), planned("b", 2, "a"), planned("c", 0.5, "a")))

    async def preview(task):
        return compare(PlannedPreview(guess=None, guess_s=0.0, plan=plan, plan_s=1.0))

    monkeypatch.setattr(gateway, "preview", preview)
    shown = forerun("plan", task_file).stdout

    assert "critical path: a -> b" in shown
    assert "floor 3.000 s" in shown
    assert "useful parallelism 2" in shown
    assert "expected cost $1.5" in shown
    assert "slack s" in shown
    assert {node["id"] for node in json.loads(forerun("plan", task_file, "--format", "json").stdout)["nodes"]} == {
        "a",
        "b",
        "c",
    }
    assert '"a" -> "b" [style=bold];' in forerun("plan", task_file, "--format", "dot").stdout
    assert "s0 ==> s1" in forerun("plan", task_file, "--format", "mermaid").stdout


def test_plan_shows_both_plans(forerun, task_file):
    result = forerun("plan", task_file)

    assert result.exit_code == 0
    assert "optimal plan" in result.stdout
    assert json.loads(forerun("plan", task_file, "--json").stdout)["optimal"]["origin"] == "memory"


def test_list_shows_tasks_newest_first_with_the_way_on(forerun, task_file):
    ids = [forerun("submit", task_file).stdout.strip() for _ in range(3)]

    listed = forerun("list", "--limit", 2).stdout

    newest = sorted(ids, reverse=True)
    assert listed.index(newest[0]) < listed.index(newest[1])
    assert newest[2] not in listed
    assert f"--before {newest[1]}" in listed
    assert len(json.loads(forerun("list", "--json").stdout)["tasks"]) == 3


def test_names_are_shown_as_they_are_and_never_read_as_markup(forerun, tmp_path):
    (tmp_path / "task.yaml").write_text('{name: "[/red] [bold]x", workflow: {steps: [{id: a, capability: fetch}]}}')
    forerun("submit", tmp_path / "task.yaml")

    listed = forerun("list")

    assert listed.exit_code == 0, listed.output
    assert "[/red] [bold]x" in listed.stdout


def test_drawing_and_json_do_not_go_together(forerun, task_file):
    task_id = forerun("submit", task_file).stdout.strip()

    assert forerun("show", task_id, "--watch", "--json").exit_code == 2


def test_cancel_prints_the_task(forerun, task_file):
    task_id = forerun("submit", task_file).stdout.strip()

    assert json.loads(forerun("cancel", task_id, "--json").stdout)["status"] == "succeeded"
    assert forerun("cancel", "t000000000000-0000000000000000").exit_code == 2


def test_agents_are_shown_with_what_was_learned_about_them(forerun, gateway, monkeypatch):
    name = json.loads(forerun("agents", "--json").stdout)["agents"][0]["name"]
    checked = {"outputs": 24.4, "accepted": 0.625}
    learned = {"p50_s": 1.25, "checked": checked, "kinds": {"language=de": {"outputs": 9.0, "accepted": 1.0}}}

    async def learner():
        return {"enabled": True, "agents": {name: learned}}

    monkeypatch.setattr(gateway, "learner", learner)
    shown = forerun("agents", env={"COLUMNS": "250"}).stdout

    assert "1.25" in shown
    assert "62% of 24" in shown
    assert "language=de" in shown
    assert json.loads(forerun("agents", "--json").stdout)["learned"] == {name: learned}


def test_agents_and_nodes_are_shown(forerun):
    assert "digester" in forerun("agents").stdout
    assert "gpus 8" in forerun("agents").stdout
    assert "small" in forerun("nodes").stdout
    assert json.loads(forerun("nodes", "--json").stdout)["nodes"][0]["id"] == "n1"
    assert json.loads(forerun("agents", "--json").stdout)["kind"] == "catalog"


@pytest.mark.parametrize("of", ["task", "catalog", "settings"])
def test_schemas_are_json_schemas(forerun, of):
    schema = json.loads(forerun("schema", of).stdout)

    assert schema["type"] == "object"
    assert schema["$schema"].endswith("2020-12/schema")


def test_the_schema_of_a_task_accepts_what_people_write(forerun, task):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(forerun("schema").stdout)

    Task.model_validate(task)
    jsonschema.validate(task, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(task | {"gaol": "x"}, schema)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--catalog", "none.yaml", "--port", "0"], "none.yaml"),
        (["--settings", "none.yaml"], "none.yaml"),
        (["--shards", "0"], "reconciler.shards"),
    ],
)
def test_up_reports_errors_before_it_starts_anything(forerun, arguments, said):
    result = forerun("up", *arguments)

    assert result.exit_code == 2, result.output
    assert said in result.stderr


def test_up_reports_a_port_that_is_in_use(forerun):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = forerun("up", "--port", taken.getsockname()[1])

    assert result.exit_code == 4
    assert "--port" in result.stderr
