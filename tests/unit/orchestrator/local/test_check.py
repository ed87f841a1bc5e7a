"""`forerun check`: what is wrong with catalogs and tasks, without running anything."""

import json

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app

CATALOG = """
agents:
  - {name: counter, capability: count, target: "checkedagents:count"}
  - {name: adder, capability: add, target: "checkedagents:add"}
"""
AGENTS = """
def count(text: str) -> str:
    return text

def add(number: int, to: int | None = None) -> int:
    return number
"""
RIGHT = "workflow: {steps: [{id: a, capability: add, inputs: {number: 1}}]}"
WRONG = """
workflow:
  steps:
    - {id: a, capability: count, inputs: {text: 5}}
    - {id: b, capability: add, inputs: {number: $steps.a}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORERUN_CATALOG", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "checkedagents.py").write_text(AGENTS)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    (tmp_path / "right.yaml").write_text(RIGHT)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    return tmp_path


def check(*arguments):
    return CliRunner().invoke(app, ["check", *arguments])


def test_what_is_right_is_named_and_ends_with_0(folder):
    result = check("catalog.yaml", "right.yaml")

    assert (result.exit_code, result.output) == (0, "catalog.yaml: ok (catalog)\nright.yaml: ok (task)\n")


def test_every_wrong_type_is_named_with_its_field_and_fix(folder):
    result = check("wrong.yaml")

    assert result.exit_code == 2
    assert "workflow.steps.a.inputs.text: agent 'counter' takes a string as input 'text', and this is an integer" in (
        result.output
    )
    assert "workflow.steps.b.inputs.number: agent 'adder' takes an integer" in result.output
    assert "fix: give an integer" in result.output


def test_json_lists_the_errors_of_each_file(folder):
    result = check("catalog.yaml", "right.yaml", "wrong.yaml", "--json")

    files = json.loads(result.output)
    assert [(each["file"], each["kind"], len(each["errors"])) for each in files] == [
        ("catalog.yaml", "catalog", 0),
        ("right.yaml", "task", 0),
        ("wrong.yaml", "task", 2),
    ]
    assert files[2]["errors"][0]["field"] == "workflow.steps.a.inputs.text"


def test_a_wrong_catalog_is_reported_once(folder):
    (folder / "other.yaml").write_text("agents: [{name: x, capability: y, target: 'no.such:thing'}]")

    result = check("other.yaml", "right.yaml")

    assert result.exit_code == 2
    assert result.output.count("cannot be imported") == 1
    assert "right.yaml: error: its catalog is not valid" in result.output


@pytest.mark.parametrize("key", ["workflows", "mcp_servers", "a2a_agents"])
def test_a_catalog_may_declare_no_agents_itself(folder, key):
    (folder / "other.yaml").write_text(f"{key}: []")

    assert check("other.yaml").output == "other.yaml: ok (catalog)\n"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("capability: cuont", "workflows.0.steps.a.capability: no agent offers 'cuont'"),
        ("capability: count, inputs: {text: $inputs.txt}", "steps.a.inputs.text: the workflow has no input 'txt'"),
        ("capability: add, inputs: {number: $inputs.text}", "steps.a.inputs.number: agent 'adder' takes an integer"),
        ("capability: count, inputs: {text: $inputs.text}", "workflows.yaml: ok (catalog)"),
    ],
)
def test_workflows_of_a_catalog_are_checked_like_tasks(folder, step, said):
    """With the agents of the other catalogs, and values of the declared types as inputs."""
    workflows = f"workflows: [{{name: w, inputs: {{text: string}}, steps: [{{id: a, {step}}}]}}]"
    (folder / "workflows.yaml").write_text(workflows)

    assert said in check("workflows.yaml", "catalog.yaml").output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{RIGHT}\n{RIGHT}", "the key 'workflow' is written twice in one mapping, line 2 column 1"),
        (f"inputs: {{since: [2024-05-06]}}\n{RIGHT}", "error: inputs.since.0: this is a date"),
        (
            RIGHT.replace("number: 1", "number: {at: 2024-05-06}"),
            "error: workflow.steps.a.inputs.number.at: this is a date",
        ),
        (RIGHT.replace("}]", ", default: 2024-05-06}]"), "error: workflow.steps.a.default: this is a date"),
        (RIGHT.replace("}]", ", retry: {on: [error, slow]}}]"), "workflow.steps.a.retry.on.1: 'slow' is none of"),
        (RIGHT.replace("}]", ", retry: {On: [error]}}]"), "workflow.steps.a.retry.On: unknown field"),
    ],
)
def test_what_only_yaml_can_say_is_told_with_its_place(folder, text, said):
    """Of two equal keys, PyYAML keeps the last: what stands below the first would be lost. It reads ``on`` as true."""
    (folder / "odd.yaml").write_text(text)

    result = check("odd.yaml")

    assert result.exit_code == 2
    assert said in result.output


def test_broken_and_missing_files_are_named(folder):
    (folder / "broken.yaml").write_text("workflow: [")

    result = check("broken.yaml", "none.yaml")

    assert result.exit_code == 2
    assert "broken.yaml: error:" in result.output
    assert "none.yaml: error:" in result.output


def test_a_task_without_a_catalog_says_where_it_was_looked_for(folder):
    (folder / "catalog.yaml").unlink()

    result = check("right.yaml")

    assert result.exit_code == 2
    assert "there is no catalog.yaml in" in result.output
