"""`forerun gc` deletes old tasks from the journal of the settings."""

import json
import time
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app as cli
from orchestrator.cli.gc import seconds_in
from orchestrator.errors import InvalidOption
from orchestrator.gateway.task_ids import new_task_id
from planners.model import TaskId
from planners.tasks import AdmittedTask, Task
from reconciler.journal import Journal
from reconciler.state.commands import RunStatus
from reconciler.views.models import TaskView

DAY_S = 86_400


def ended(journal: Journal, name: str, days_ago: float) -> None:
    """A task that was submitted so many days ago and ended a second later."""
    task_id, at_s = TaskId(name), time.time() - days_ago * DAY_S
    journal.admit(AdmittedTask(id=task_id, task=Task(goal="x"), submitted_at_s=at_s)).result(10)
    view = TaskView(id=task_id, status=RunStatus.SUCCEEDED, submitted_at_s=at_s, ended_s=1.0)
    journal.end(view).result(10)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    with closing(Journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}", 0)) as journal:
        ended(journal, "old", 40)
        ended(journal, "new", 1)
        running = AdmittedTask(id=TaskId("running"), task=Task(goal="x"), submitted_at_s=time.time() - 90 * DAY_S)
        journal.admit(running).result(10)
    return tmp_path


def kept(data_dir: Path) -> set[str]:
    with closing(Journal(f"sqlite:///{data_dir / 'journal.sqlite3'}", 0)) as journal:
        return {name for name in ("old", "new", "running") if journal.admitted(TaskId(name)) is not None}


def forerun(*arguments: object):
    return CliRunner().invoke(cli, [str(part) for part in arguments])


def test_tasks_that_ended_long_ago_are_deleted(data_dir):
    result = forerun("gc", "--older-than", "30d", "--data-dir", data_dir, "--json")

    assert json.loads(result.stdout) == {"deleted": 1, "matching": 1}
    assert kept(data_dir) == {"new", "running"}


def test_a_dry_run_deletes_nothing(data_dir):
    result = forerun("gc", "--older-than", "1h", "--dry-run", "--data-dir", data_dir)

    assert result.stdout == "2 tasks would be deleted\n"
    assert kept(data_dir) == {"old", "new", "running"}


def test_a_folder_without_a_journal_is_refused_and_stays_empty(tmp_path):
    result = forerun("gc", "--older-than", "30d", "--data-dir", tmp_path)

    assert result.exit_code == 2
    assert "there is no journal" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1.5h", 5400), ("30d", 30 * DAY_S), ("2w", 14 * DAY_S)])
def test_durations_have_a_unit(text, seconds):
    assert seconds_in(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1y", "30 days", "1e9d", "9" * 400 + "d"])
def test_other_texts_are_no_durations(text):
    with pytest.raises(InvalidOption, match="--older-than"):
        seconds_in(text)


def test_only_outputs_of_deleted_tasks_are_removed_from_their_folder(data_dir):
    """The bucket may hold other things, and a task that is being admitted is not in the journal yet."""
    outputs = data_dir / "outputs"
    gone = new_task_id(time.time() - 40 * DAY_S)
    left = {"reports", "notes.txt", "old", new_task_id(time.time())}
    for name in {gone, *left} - {"notes.txt"}:
        (outputs / name).mkdir(parents=True)
    (outputs / "notes.txt").write_text("mine")
    settings = data_dir / "forerun.yaml"
    settings.write_text(f"outputs: {{url: '{outputs.as_uri()}'}}\n")

    result = forerun("gc", "--older-than", "30d", "--data-dir", data_dir, "--settings", settings)

    assert result.exit_code == 0, result.output
    assert {path.name for path in outputs.iterdir()} == left
