"""`forerun cache` lists, counts and clears the stored results of the settings' journal."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app as cli
from reconciler.journal.results import ResultTable
from reconciler.journal.stored_result import StoredResult

FOREVER_S = 1e11


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    with closing(ResultTable(f"sqlite:///{tmp_path / 'journal.sqlite3'}")) as table:
        for number in range(3):
            table.keep(StoredResult(f"k{number}", f"agent{number}@1", "{}", 100, 1.0, FOREVER_S, float(number)))
    return tmp_path


def said(data_dir: Path, *words: str) -> object:
    result = CliRunner().invoke(cli, ["cache", *words, "--data-dir", str(data_dir), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_results_are_listed_counted_and_cleared(data_dir: Path) -> None:
    listed = said(data_dir, "list", "--most", "2")

    assert [(one["key"], one["agent"], one["bytes"]) for one in listed] == [
        ("k2", "agent2@1", 100),
        ("k1", "agent1@1", 100),
    ]
    assert said(data_dir, "stat") == {"results": 3, "bytes": 300}
    assert said(data_dir, "clear") == {"deleted": 3}
    assert said(data_dir, "stat") == {"results": 0, "bytes": 0}


def test_people_read_lines(data_dir: Path) -> None:
    result = CliRunner().invoke(cli, ["cache", "list", "--data-dir", str(data_dir)])

    assert "agent0@1" in result.output
    assert "100 bytes" in result.output


def test_without_a_journal_the_command_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["cache", "stat", "--data-dir", str(tmp_path)])

    assert result.exit_code != 0
    assert "there is no journal" in result.output
