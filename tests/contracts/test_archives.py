"""Ended tasks leave one journal as JSON lines and enter another; the same body for SQLite and PostgreSQL."""

import json
from contextlib import closing

import pytest

from planners.model import TaskId
from planners.tasks import AdmittedTask, Task
from planners.workflow import Step, Workflow
from reconciler.errors import InvalidArchive
from reconciler.journal import EventRow, Journal
from reconciler.journal.archive import Archive
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Outcome, Verdict
from reconciler.views.models import TaskView

TASK = Task(name="kept", workflow=Workflow(steps=(Step(id="a", capability="greet"),)))


def outcome(task: str) -> Outcome:
    return Outcome.model_validate(
        {
            "task": task, "task_kind": "k", "attempt": "a/1", "step": "a", "capability": "c", "agent": "x", "node": "n",
            "speculative": False, "verdict": Verdict.COMMIT, "succeeded": True, "seconds": 1.0, "expected_s": 1.0,
        }
    )  # fmt: skip


def fill(journal: Journal, task: str, *, ended_s: float | None, key: str | None = None) -> None:
    admitted = AdmittedTask(id=TaskId(task), task=TASK, submitted_at_s=100.0, idempotency_key=key)
    journal.admit(admitted).result(10)
    journal.append(TaskId(task), [EventRow(1, 0.5, "run_started", "{}")], [outcome(task)], urgent=True).result(10)
    if ended_s is not None:
        view = TaskView(
            id=TaskId(task), name="kept", status=RunStatus.SUCCEEDED, submitted_at_s=100.0, ended_s=ended_s,
            outputs={"a": "Grüße"},
        )  # fmt: skip
        journal.end(view, [EventRow(2, ended_s, "run_ended", "{}")]).result(10)


def exported(url: str, before_s: float = 1e12) -> list[str]:
    with closing(Archive(url)) as archive:
        return list(archive.exported(before_s, now_s=5.0))


def imported(url: str, lines: list[str]) -> tuple[int, int]:
    with closing(Archive(url)) as archive:
        return archive.imported(lines, lambda _: 0)


@pytest.fixture
def lines(database_url):
    with closing(Journal(database_url)) as journal:
        fill(journal, "t1", ended_s=2.0, key="k1")
        fill(journal, "t2", ended_s=20.0)
        fill(journal, "t3", ended_s=None)
    return exported(database_url)


def test_ended_tasks_are_exported_and_nothing_else(lines, database_url):
    assert json.loads(lines[0]) == {"format": "forerun-tasks", "version": 1, "exported_at_s": 5.0}
    assert [json.loads(line)["tasks"][0]["id"] for line in lines[1:]] == ["t1", "t2"]
    assert len(exported(database_url, before_s=110.0)) == 2, "t1 ended at 102"


def test_an_exported_task_is_the_same_after_gc_and_import(lines, database_url):
    with closing(Journal(database_url)) as journal:
        before = journal.view(TaskId("t1")), journal.events(TaskId("t1"))
        journal.delete_ended(1e12)
        assert journal.view(TaskId("t1")) is None

    assert imported(database_url, lines) == (2, 0)

    with closing(Journal(database_url)) as journal:
        assert (journal.view(TaskId("t1")), journal.events(TaskId("t1"))) == before
        assert sorted(kept.task for kept in journal.outcomes(100)) == ["t1", "t2", "t3"], "none is there twice"


def test_what_is_there_already_is_left_as_it_is(lines, database_url):
    assert imported(database_url, lines) == (0, 2)


def test_an_import_goes_into_another_journal(lines, tmp_path):
    other = f"sqlite:///{tmp_path / 'other.sqlite3'}"
    with closing(Journal(other)) as journal:
        fill(journal, "mine", ended_s=None, key="k1")

    assert imported(other, lines) == (2, 0)

    with closing(Journal(other)) as journal:
        view = journal.view(TaskId("t1"))
        assert view is not None
        assert view.outputs == {"a": "Grüße"}
        again = AdmittedTask(id=TaskId("x"), task=TASK, submitted_at_s=0.0, idempotency_key="k1")
        assert journal.known_as(again) == "mine", "its idempotency key stays its own"
        assert {page.id for page in journal.page(10)} == {"t1", "t2", "mine"}


@pytest.mark.parametrize(
    ("spoilt", "line"),
    [
        (["{}"], "line 1"),
        (['{"format": "forerun-tasks", "version": 2}'], "line 1"),
        ([""], "line 1"),
        (["HEADER", "no json"], "line 2"),
        (["HEADER", "[]"], "line 2"),
        (["HEADER", '{"tasks": []}'], "line 2"),
        (["HEADER", '{"tasks": [{"id": "t", "future": 1}]}'], "line 2"),
    ],
)
def test_an_archive_that_cannot_be_read_is_refused_with_its_line(database_url, spoilt, line):
    header = '{"format": "forerun-tasks", "version": 1}'
    with pytest.raises(InvalidArchive) as caught:
        imported(database_url, [header if text == "HEADER" else text for text in spoilt])

    assert caught.value.field == line
