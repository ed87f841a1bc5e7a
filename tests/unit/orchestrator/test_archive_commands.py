"""`forerun backup`, `export`, `import` and `--version`."""

import json
import sqlite3
import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app as cli
from orchestrator.gateway.task_ids import new_task_id
from planners.model import TaskId
from planners.tasks import AdmittedTask, Task
from reconciler.journal import Journal
from reconciler.state.commands import RunStatus
from reconciler.views.models import TaskView

OLD = new_task_id(1.0)


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'journal.sqlite3'}"


def ended(journal: Journal, task_id: TaskId) -> None:
    journal.admit(AdmittedTask(id=task_id, task=Task(goal="x"), submitted_at_s=time.time())).result(10)
    view = TaskView(id=task_id, status=RunStatus.SUCCEEDED, submitted_at_s=time.time(), ended_s=0.0)
    journal.end(view).result(10)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    with closing(Journal(url(folder))) as journal:
        ended(journal, OLD)
    return folder


def forerun(*arguments: object, **more):
    return CliRunner().invoke(cli, [str(part) for part in arguments], **more)


def test_a_backup_is_complete_while_the_journal_is_written(data_dir, tmp_path):
    with closing(Journal(url(data_dir))) as journal:
        ended(journal, TaskId("t-newest"))  # it is in the write-ahead log only
        with closing(sqlite3.connect(data_dir / "journal.sqlite3", isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            result = forerun("backup", tmp_path / "copy.sqlite3", "--data-dir", data_dir, "--json")

    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["size_bytes"] > 0
    with closing(Journal(f"sqlite:///{tmp_path / 'copy.sqlite3'}")) as copy:
        assert {view.id for view in copy.page(10)} == {OLD, "t-newest"}


def test_a_backup_overwrites_nothing(data_dir, tmp_path):
    there = tmp_path / "there"
    there.write_text("precious")

    result = forerun("backup", there, "--data-dir", data_dir)

    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert there.read_text() == "precious"


def test_a_journal_in_postgres_is_left_to_its_own_tools(data_dir, tmp_path):
    variables = {"FORERUN_JOURNAL__URL": "postgresql+psycopg://nowhere/forerun"}

    result = forerun("backup", tmp_path / "copy", "--data-dir", data_dir, env=variables)

    assert result.exit_code == 2
    assert "pg_dump" in result.stderr


def test_tasks_are_exported_and_imported_through_a_pipe(data_dir, tmp_path):
    exported = forerun("export", "-", "--data-dir", data_dir)
    assert exported.stderr == "1 tasks exported\n"

    imported = forerun("import", "-", "--data-dir", tmp_path / "new", "--json", input=exported.stdout)

    assert json.loads(imported.stdout) == {"imported": 1, "known": 0}
    with closing(Journal(url(tmp_path / "new"))) as journal:
        assert journal.view(OLD).status is RunStatus.SUCCEEDED


def test_only_old_tasks_are_exported_if_asked(data_dir, tmp_path):
    result = forerun("export", tmp_path / "old.jsonl", "--older-than", "1d", "--data-dir", data_dir)

    assert result.stderr == "0 tasks exported\n"
    assert len((tmp_path / "old.jsonl").read_text().splitlines()) == 1


def test_an_earlier_export_is_not_replaced(data_dir, tmp_path):
    """Its tasks may have been deleted since."""
    earlier = tmp_path / "old.jsonl"
    earlier.write_text("kept")

    result = forerun("export", earlier, "--data-dir", data_dir)

    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert earlier.read_text() == "kept"


def test_a_file_that_is_no_export_is_refused(data_dir, tmp_path):
    (tmp_path / "file").write_text("hello")

    result = forerun("import", tmp_path / "file", "--data-dir", data_dir)

    assert result.exit_code == 2
    assert "line 1" in result.stderr


def test_the_version_is_printed():
    assert forerun("--version").stdout == f"forerun {version('forerun')}\n"
