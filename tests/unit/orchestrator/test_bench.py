"""`forerun bench`: how the parameters of a benchmark become options, and what is refused."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli.app import app
from orchestrator.cli.bench import _spread, options_of


def bench(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


def run(
    data: Path | None = None,
    files: Iterable[Path] = (),
    *,
    size: int = 3,
    report: Callable[[str], None] = print,
) -> dict[str, int]:
    return {"size": size}


def test_what_a_command_line_can_give_becomes_an_option_and_nothing_else():
    assert list(options_of(run)) == ["data", "files", "size"]


def test_a_flag_of_files_takes_several_at_once():
    arguments = ["--files", "a.json", "b.json", "--size", "4"]

    assert _spread(arguments, options_of(run)) == ["--files", "a.json", "--files", "b.json", "--size", "4"]


def test_an_unknown_benchmark_is_exit_code_2():
    assert bench("nonsense").exit_code == 2


def test_a_benchmark_writes_its_json(monkeypatch, tmp_path):
    class Fake:
        BENCHMARKS = ("fan",)

        @staticmethod
        def run(runs: int = 1):
            return {"runs": runs, "run_s": 0.5}

    monkeypatch.setattr("orchestrator.cli.bench.imported", lambda _name: Fake)

    result = bench("--to", tmp_path, "fan", "--runs", 3)

    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "fan.json").read_text()) == {"runs": 3, "run_s": 0.5}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["burst", "--tasks", "0"], "--tasks"),
        (["speculation", "--workloads", "warm", "wram"], "--workloads"),
        (["speculation", "--scale", "0"], "--scale"),
        (["similarity", "--train", "none.jsonl"], "--train"),
        (["similarity", "--sets", "ultratol"], "--sets"),
        (["drift", "--data", "none"], "--data"),
        (["drift", "--data", "."], "tools_ultratool.json"),
        (["planner", "--workflows", "none.json"], "--workflows"),
        (["planner", "--nodes", "8"], "--nodes"),
    ],
)
def test_invalid_options_of_a_benchmark_are_reported_before_it_runs(tmp_path, arguments, said):
    result = bench("--to", tmp_path, *arguments)

    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert not list(tmp_path.iterdir())
