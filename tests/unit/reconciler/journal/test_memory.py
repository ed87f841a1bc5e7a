"""The journal in memory answers as the one in a database does."""

import json

import pytest

from planners.model import AttemptId, StepId, TaskId
from planners.tasks import AdmittedTask, Task
from planners.workflow import Step, Workflow
from reconciler.errors import IdempotencyConflict
from reconciler.journal import EventRow, Journal
from reconciler.journal.memory import MemoryJournal
from reconciler.state.commands import RunStatus
from reconciler.views.logs import LogBatch
from reconciler.views.models import PlansView, TaskFilter, TaskView, Timeline

A, B = TaskId("t-a"), TaskId("t-b")


@pytest.fixture(params=["memory", "sqlite"])
def journal(request, tmp_path):
    opened = MemoryJournal() if request.param == "memory" else Journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield opened
    opened.close()


def admitted(task_id, key=None, capability="greet"):
    task = Task(workflow=Workflow(steps=(Step(id="a", capability=capability),)))
    return AdmittedTask(id=task_id, task=task, submitted_at_s=1.0, idempotency_key=key)


def line(seq, kind="time_passed", **data):
    return EventRow(seq, seq / 10, kind, json.dumps(data))


def view(task_id, status=RunStatus.SUCCEEDED):
    return TaskView(id=task_id, status=status, submitted_at_s=1.0, ended_s=2.0, outputs={"a": 1})


def test_tasks_are_listed_newest_first_and_by_status(journal):
    for task in (A, B):
        journal.admit(admitted(task)).result(5)
    journal.end(view(A)).result(5)

    assert [found.id for found in journal.page(10)] == [B, A]
    assert [found.id for found in journal.page(1)] == [B]
    assert [found.id for found in journal.page(10, before=B)] == [A]
    assert [found.id for found in journal.page(10, where=TaskFilter(status=RunStatus.SUCCEEDED))] == [A]
    assert [found.id for found in journal.page(10, where=TaskFilter(status=RunStatus.RUNNING))] == [B]
    assert [found.outputs for found in journal.page(10)] == [None, None]
    assert [task.id for task in journal.unfinished()] == [B]
    assert (journal.view(A), journal.view(TaskId("t-c"))) == (view(A), None)
    assert journal.admitted(A) == admitted(A)


def test_events_are_read_from_any_position(journal):
    journal.admit(admitted(A))
    journal.append(A, [line(1), line(2, "verdict", step="a")])
    journal.end(view(A), [line(3, "run_ended")]).result(5)

    assert [event.seq for event in journal.events(A)] == [1, 2, 3]
    assert [event.seq for event in journal.events(A, after=1, limit=1)] == [2]
    assert [event.data for event in journal.events(A, kinds=["verdict"])] == [{"step": "a"}]
    assert (journal.last_seq(A), journal.last_seq(B)) == (3, 0)


def test_staged_outputs_are_kept_until_they_are_promoted(journal):
    journal.admit(admitted(A))
    first, second = AttemptId("a.1"), AttemptId("a.2")
    journal.append(A, [line(1)], staged={first: {"page": b"1"}, second: {"page": b"2"}})
    journal.promoted(A, first, line(2, "effect_out")).result(5)

    assert journal.staged(A) == {second: {"page": b"2"}}


def test_a_repeated_key_finds_its_task_unless_the_task_differs(journal):
    journal.admit(admitted(A, key="k")).result(5)

    assert journal.known_as(admitted(B, key="k")) == A
    assert journal.known_as(admitted(B, key="other")) is None
    with pytest.raises(IdempotencyConflict):
        journal.known_as(admitted(B, key="k", capability="another"))


def test_the_details_of_an_ended_task_are_kept(journal):
    journal.admit(admitted(A))
    timeline, plans = Timeline(task=A, bars=(), ended_s=2.0), PlansView(task=A, similarity=0.5)
    journal.end(view(A), timeline=timeline.model_dump_json(), plans=plans.model_dump_json()).result(5)

    assert (journal.timeline(A), journal.plans_of(A)) == (timeline, plans)
    assert (journal.timeline(B), journal.plans_of(B)) == (Timeline(task=B, bars=()), PlansView(task=B))


def test_logs_are_read_from_both_ends(journal):
    journal.admit(admitted(A))
    for number in (1, 2):
        batch = LogBatch(AttemptId(f"a.{number}"), 1, 10, "lines")
        journal.append_logs(A, StepId("a"), batch, 10 * number).result(5)

    assert [row.last_seq for row in journal.log_rows(A, 10, 5)] == [20]
    assert [row.last_seq for row in journal.newest_log_rows(A, 21, 5)] == [20, 10]
    assert (journal.last_log_seq(A), journal.last_log_seq(B)) == (20, 0)
    assert journal.log_rows(A, 0, 1) == journal.newest_log_rows(A, 20, 1)
