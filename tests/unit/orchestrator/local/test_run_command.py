"""`forerun run`: a task from a file, in this process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.agent_files import load_agents
from orchestrator.cli.app import app
from orchestrator.cli.run import UnanswerableQuestions
from orchestrator.local.run import run
from planners.agents import Catalog

ROOT = Path(__file__).parents[4]
HELLO = ROOT / "examples" / "hello" / "task.yaml"
CATALOG = """
agents:
  - {name: good, capability: say, kind: command, target: [echo, '"hello"']}
  - {name: bad, capability: fail, kind: command, target: [sh, -c, "exit 3"], retry: {max_attempts: 1}}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a catalog; returns a function that writes a task of one step."""
    monkeypatch.delenv("FORERUN_CATALOG", raising=False)
    (tmp_path / "catalog.yaml").write_text(CATALOG)

    def task(capability: str) -> str:
        file = tmp_path / "task.yaml"
        file.write_text(f"workflow: {{steps: [{{id: s, capability: {capability}}}]}}")
        return str(file)

    return task


def test_it_prints_the_summary_and_the_outputs(project):
    result = CliRunner().invoke(app, ["run", project("say")])

    assert result.exit_code == 0
    assert "succeeded" in result.output
    assert json.loads(result.output[result.output.index("\n{") :]) == {"s": "hello"}


def test_json_is_the_view_of_the_task(project):
    result = CliRunner().invoke(app, ["run", project("say"), "--json", "--mode", "wait"])

    view = json.loads(result.output)
    assert (view["status"], view["mode"], view["outputs"]) == ("succeeded", "wait", {"s": "hello"})


def test_what_agents_print_is_not_mixed_with_the_json(project, tmp_path):
    (tmp_path / "catalog.yaml").write_text('agents: [{capability: print, target: "printing_agents:prints"}]')
    task = Path(project("print"))
    task.write_text("workflow: {steps: [{id: s, capability: print, inputs: {name: ada}}]}")

    result = CliRunner().invoke(app, ["run", str(task), "--json"])

    assert json.loads(result.stdout)["outputs"] == {"s": "ada"}
    assert "ada to stdout" in result.stderr


def test_a_failed_task_ends_with_1_and_a_wrong_one_with_2(project):
    assert CliRunner().invoke(app, ["run", project("fail")]).exit_code == 1

    wrong = CliRunner().invoke(app, ["run", project("sey")])
    assert wrong.exit_code == 2
    assert "did you mean 'say'?" in wrong.output


def test_a_catalog_may_be_elsewhere(project, tmp_path):
    task = project("say")
    elsewhere = tmp_path / "agents.yaml"
    (tmp_path / "catalog.yaml").rename(elsewhere)

    assert CliRunner().invoke(app, ["run", task, "--catalog", str(elsewhere)]).exit_code == 0


def test_the_first_example_needs_no_ray():
    command = f"app(['run', '--json', {str(HELLO)!r}], standalone_mode=False)"
    code = f"import sys; from orchestrator.cli.app import app; {command}"
    ended = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", f"{code}; assert 'ray' not in sys.modules and 'sqlalchemy' not in sys.modules"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "orchestrator" / "public")])},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert "HELLO, KATHERINE!" in json.loads(ended.stdout)["outputs"]["card"]


def test_a_question_that_nobody_can_answer_here_is_told_once(capsys):
    """Without that a run that waits for a person prints nothing, for ever if the step has no time limit."""
    node = {"id": "sign", "approval": "Send it?", "timeout_s": 60, "on_expiry": "approve"}
    questions, seen = UnanswerableQuestions(), []

    run(
        {"workflow": {"steps": [node]}},
        [Catalog.model_validate({"agents": [{"name": "a", "capability": "c", "kind": "command", "target": ["true"]}]})],
        virtual_time=True,
        on_view=lambda view: (seen.append(view), questions.tell(view)),
    )

    told = capsys.readouterr().err
    assert len(seen) > 1
    assert told.count("asks: step 'sign' is waiting for an answer: Send it?") == 1
    assert "forerun up" in told


def test_a_command_finds_a_script_beside_its_catalog(tmp_path, monkeypatch):
    """As a Python agent finds its module: a project can be run from any folder."""
    folder, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for made in (folder, elsewhere):
        made.mkdir()
    command = {"name": "a", "capability": "c", "kind": "command", "target": [sys.executable, "says.py", "a.b" * 5000]}
    (folder / "catalog.yaml").write_text(json.dumps({"agents": [command]}))
    (folder / "says.py").write_text("print(17)")
    monkeypatch.chdir(elsewhere)

    (agent,) = load_agents(folder / "catalog.yaml").agents
    (elsewhere / "says.py").touch()
    (own,) = load_agents(folder / "catalog.yaml").agents

    assert agent.target == (sys.executable, str(folder / "says.py"), "a.b" * 5000)
    assert own.target[1] == "says.py"
