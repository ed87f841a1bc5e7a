"""`forerun init` writes what runs, and `forerun agents check` finds what could not."""

import compileall
import json
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from a2a_agents import remote_agent
from http_counterpart import http_counterpart
from mcp_tools import over_http
from typer.testing import CliRunner

from orchestrator.cli.app import app


def invoke(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(part) for part in arguments])


def ran(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_init_writes_is_valid_runs_and_passes_its_own_tests(tmp_path: Path):
    folder = tmp_path / "new"

    assert invoke("init", folder).exit_code == 0

    assert "ok" in ran(folder, "orchestrator.cli", "check", "catalog.yaml", "task.yaml")
    assert "tides, part 3: 9 words" in ran(folder, "orchestrator.cli", "run", "task.yaml")
    assert "2 passed" in ran(folder, "pytest", "-q", "-p", "no:cacheprovider")


def test_init_writes_no_bytecode_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As pip leaves it behind when it installs a wheel."""
    kept = tmp_path / "installed" / "files"
    shutil.copytree(str(files("orchestrator.scaffold") / "files"), kept)
    compileall.compile_dir(kept, quiet=2)
    assert (kept / "__pycache__").is_dir()
    monkeypatch.setattr("orchestrator.cli.init.files", lambda _: kept.parent)

    assert invoke("init", tmp_path / "new").exit_code == 0

    assert not (tmp_path / "new" / "__pycache__").exists()
    assert (tmp_path / "new" / "my_agents.py").is_file()


def test_init_overwrites_nothing(tmp_path: Path):
    (tmp_path / "task.yaml").write_text("mine")

    refused = invoke("init", tmp_path)

    assert refused.exit_code == 2
    assert "task.yaml exists" in refused.output
    assert [file.name for file in tmp_path.iterdir()] == ["task.yaml"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").touch()

    refused = invoke("init", tmp_path / "file")

    assert refused.exit_code == 2
    assert f"{tmp_path / 'file'}: File exists" in refused.output
    assert "fix:" in refused.output


def checked(tmp_path: Path, *agents: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    entries = [{"name": f"a{index}", "capability": "c", **agent} for index, agent in enumerate(agents)]
    (tmp_path / "catalog.json").write_text(json.dumps({"agents": entries}))
    result = invoke("agents", "check", tmp_path / "catalog.json", "--json")
    return result.exit_code, json.loads(result.stdout)


def test_agents_that_can_run_are_healthy(tmp_path: Path):
    with http_counterpart() as server, over_http() as (mcp, _), remote_agent() as remote:
        server.answers["/v1/models"] = (200, {}, {"object": "list", "data": [{"id": "small", "object": "model"}]})
        llm = {"kind": "llm", "target": "small", "settings": {"prompt": "x", "base_url": f"{server.url}/v1"}}
        code, found = checked(
            tmp_path,
            {"target": "sample_agents:add"},
            {"kind": "command", "target": ["python3", "-c", ""]},
            {"kind": "http", "target": f"{server.url}/x", "effect": "pure", "settings": {"allow": ["127.0.0.1"]}},
            llm,
            {"kind": "mcp", "target": "weather", "settings": {"url": mcp}},
            {"kind": "a2a", "target": remote.url},
        )

    assert [each["healthy"] for each in found] == [True] * 6, found
    assert code == 0


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ({"kind": "command", "target": ["no-such-program"]}, "no-such-program"),
        ({"kind": "http", "target": "http://127.0.0.1:9", "effect": "pure"}, "not a public address"),
        (
            {"kind": "llm", "target": "m", "settings": {"prompt": "x", "base_url": "http://127.0.0.1:9/v1"}},
            "127.0.0.1:9",
        ),
        ({"kind": "mcp", "target": "t", "settings": {"url": "http://127.0.0.1:9/mcp"}}, "127.0.0.1:9"),
        ({"kind": "a2a", "target": "http://127.0.0.1:9"}, "127.0.0.1:9"),
    ],
)
def test_an_agent_that_could_not_run_is_named_with_the_fix(tmp_path: Path, agent: dict[str, Any], shown: str):
    code, (found,) = checked(tmp_path, agent)

    assert code == 2
    assert not found["healthy"]
    assert shown in found["found"]
    assert found["fix"]
