"""A journal that an older version has written opens with all its tasks; the same body for SQLite and PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from planners.model import TaskId
from planners.tasks import AdmittedTask, Task
from planners.workflow import Step, Workflow
from reconciler.errors import JournalTooNew
from reconciler.journal import Journal
from reconciler.journal.migrations import versions
from reconciler.journal.schema import METADATA, REVISION
from reconciler.state.commands import RunStatus
from reconciler.views.models import StepCounts, TaskView

# What version 0.1 executed on an empty database.
VERSION_0_1 = (
    (
        "CREATE TABLE tasks (id TEXT NOT NULL PRIMARY KEY, shard INTEGER NOT NULL, submitted_at_s FLOAT NOT NULL, "
        "idempotency_key TEXT UNIQUE, body_digest TEXT NOT NULL, task TEXT NOT NULL, status TEXT NOT NULL, view TEXT, "
        "timeline TEXT, plans TEXT)"
    ),
    "CREATE INDEX tasks_by_shard ON tasks (shard, status, id)",
    (
        "CREATE TABLE events (task TEXT NOT NULL, seq INTEGER NOT NULL, at_s FLOAT NOT NULL, kind TEXT NOT NULL, "
        "data TEXT NOT NULL, PRIMARY KEY (task, seq))"
    ),
    "CREATE TABLE outcomes (id {serial}, task TEXT NOT NULL, outcome TEXT NOT NULL)",
)
SERIAL = {"sqlite": "INTEGER NOT NULL PRIMARY KEY", "postgresql": "SERIAL PRIMARY KEY"}
TASK = Task(name="old", kind="k", workflow=Workflow(steps=(Step(id="a", capability="greet"),)))
ENDED = TaskView(
    id="t1",
    name="old",
    kind="k",
    status=RunStatus.SUCCEEDED,
    submitted_at_s=5.0,
    ended_s=2.0,
    outputs={"a": 1},
    steps=StepCounts(total=1, finished=1),
)


@pytest.fixture
def url(database_url: str):
    """A database without tables."""
    return database_url


def write_old(url: str) -> None:
    """The tables of version 0.1 with a task that has ended, one that has not, and a damaged one."""
    engine = create_engine(url)
    insert = text("INSERT INTO tasks VALUES (:id, 0, 5.0, :key, 'd', :task, :status, :view, NULL, NULL)")
    task, view = TASK.model_dump_json(), ENDED.model_dump_json()
    with engine.begin() as connection:
        for statement in VERSION_0_1:
            connection.execute(text(statement.format(serial=SERIAL[engine.dialect.name])))
        connection.execute(insert, {"id": "t1", "key": "k1", "task": task, "status": "succeeded", "view": view})
        connection.execute(insert, {"id": "t2", "key": None, "task": task, "status": "planning", "view": None})
        connection.execute(insert, {"id": "t3", "key": None, "task": task, "status": "failed", "view": "{"})
        event = text("INSERT INTO events VALUES ('t2', 1, 0.0, 'run_started', '{}')")
        connection.execute(event)
    engine.dispose()


def test_tasks_of_the_version_before_are_listed_shown_and_resumed(url):
    write_old(url)

    journal = Journal(url)
    listed = {view.id: view for view in journal.page(10)}

    assert set(listed) == {"t1", "t2", "t3"}
    assert listed["t1"] == ENDED.model_copy(update={"outputs": None})
    assert (listed["t2"].name, listed["t2"].status) == ("old", RunStatus.PLANNING)
    assert listed["t3"].status is RunStatus.FAILED
    assert journal.view(TaskId("t1")) == ENDED
    assert [admitted.task for admitted in journal.unfinished()] == [TASK]
    assert [event.kind for event in journal.events(TaskId("t2"))] == ["run_started"]
    assert journal.ended_before(7.5) == 1
    journal.close()


def test_an_upgraded_journal_has_the_same_schema_as_a_new_one(url, tmp_path):
    write_old(url)
    Journal(url).close()
    fresh_url = f"sqlite:///{tmp_path / 'fresh.sqlite3'}"
    Journal(fresh_url).close()

    engines = [create_engine(each, poolclass=NullPool) for each in (url, fresh_url)]
    upgraded, fresh = map(inspect, engines)
    for table in METADATA.tables.values():
        names = {column.name for column in table.columns}
        assert {column["name"] for column in upgraded.get_columns(table.name)} == names
        assert {column["name"] for column in fresh.get_columns(table.name)} == names
        wanted = {index.name for index in table.indexes}
        assert wanted <= {index["name"] for index in upgraded.get_indexes(table.name)}


@pytest.mark.parametrize("old", [True, False], ids=["an old database", "an empty database"])
def test_shards_that_open_a_journal_at_the_same_time_upgrade_it_once(url, old):
    if old:
        write_old(url)

    with ThreadPoolExecutor(6) as threads:
        journals = list(threads.map(lambda shard: Journal(url, shard), range(6)))

    for journal in journals:
        task = AdmittedTask(id=TaskId(f"new-{id(journal)}"), task=TASK, submitted_at_s=1.0)
        journal.admit(task).result(30)
        assert journal.view(task.id) is not None
        journal.close()


def test_a_journal_of_a_newer_version_is_refused(url):
    Journal(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(JournalTooNew, match="newer version"):
        Journal(url)


def test_the_schema_names_the_newest_revision():
    config = Config()
    config.set_main_option("script_location", "reconciler.journal:migrations")

    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_a_task_that_ended_long_ago_is_deleted_with_its_events_and_no_other(url):
    journal = Journal(url)
    for number, ended in enumerate((True, True, False)):
        task = AdmittedTask(id=TaskId(f"t{number}"), task=TASK, submitted_at_s=100.0 * number)
        journal.admit(task)
        if ended:
            journal.end(ENDED.model_copy(update={"id": task.id, "submitted_at_s": task.submitted_at_s}))
    journal.append(TaskId("t0"), [], urgent=True).result(30)

    assert journal.ended_before(50.0) == 1
    assert journal.delete_ended(50.0) == 1
    assert [view.id for view in journal.page(10)] == ["t2", "t1"]
    assert journal.view(TaskId("t0")) is None
    assert journal.delete_ended(50.0) == 0
    assert [admitted.id for admitted in journal.unfinished()] == ["t2"]
    journal.close()


def test_revisions_hold_no_models_of_today():
    """A released revision must do tomorrow what it does today, whatever becomes of the models."""
    revisions = sorted(Path(versions.__file__).parent.glob("r*.py"))

    assert len(revisions) >= 2
    for revision in revisions:
        assert "import reconciler" not in revision.read_text()
        assert "from reconciler" not in revision.read_text()
