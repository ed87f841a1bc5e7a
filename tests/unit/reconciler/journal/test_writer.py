"""The journal's thread writes on, whatever one entry holds and whoever stops waiting for it."""

import sqlite3
import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import StaticPool

from planners.model import TaskId
from planners.tasks import AdmittedTask, Task
from planners.workflow import Step, Workflow
from reconciler.errors import JournalUnavailable, ShuttingDown
from reconciler.journal import Journal
from reconciler.journal.entries import Entry
from reconciler.journal.transactions import ChunkTransactions
from reconciler.journal.writer import GroupWriter

GUARD_S = 30.0
METADATA = MetaData()
NUMBERS = Table("numbers", METADATA, Column("n", Integer, primary_key=True))


class Unreadable:
    """Rows that fail in a way that no database knows of."""

    def __iter__(self) -> Any:
        raise TypeError("no rows at all")


@pytest.fixture
def engine():
    made = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    METADATA.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def writer(engine):
    made = GroupWriter(ChunkTransactions(engine))
    yield made
    made.close()


def rows(*numbers: int) -> Entry:
    return Entry(inserts={NUMBERS: [{"n": number} for number in numbers]})


def written(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return sorted(connection.scalars(select(NUMBERS.c.n)))


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Entry(inserts={NUMBERS: Unreadable()}), TypeError),
        (Entry(updates=["no statement"]), Exception),
        (rows(1, 1), IntegrityError),
    ],
)
def test_an_entry_that_cannot_be_written_fails_alone(writer, engine, bad, error):
    waits = [writer.write(entry) for entry in (rows(7), bad, rows(8))]

    with pytest.raises(error):
        waits[1].result(GUARD_S)
    for durable in (waits[0], waits[2], writer.write(rows(9))):
        durable.result(GUARD_S)
    assert written(engine) == [7, 8, 9]


def test_who_stops_waiting_stops_nothing(writer, engine):
    durable = writer.write(rows(1))

    assert not durable.cancel()
    writer.write(rows(2)).result(GUARD_S)

    assert written(engine) == [1, 2]


def test_closing_writes_what_is_left(engine):
    writer = GroupWriter(ChunkTransactions(engine))
    waits = [writer.write(rows(number)) for number in range(20)]

    writer.close()

    assert all(durable.done() for durable in waits)
    assert written(engine) == list(range(20))


class Interrupted:
    """An engine whose database is away for the first so many transactions."""

    def __init__(self, engine: Engine, failures: int) -> None:
        self._engine = engine
        self.failures = failures

    def begin(self) -> Any:
        if self.failures > 0:
            self.failures -= 1
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))
        return self._engine.begin()


def test_nothing_is_lost_while_the_database_is_away_for_a_moment(engine):
    writer = GroupWriter(ChunkTransactions(Interrupted(engine, failures=3)))
    waits = [writer.write(rows(number)) for number in (1, 2)]

    for durable in waits:
        durable.result(GUARD_S)

    writer.close()
    assert written(engine) == [1, 2]


def test_closing_does_not_wait_for_a_database_that_stays_away(engine):
    writer = GroupWriter(ChunkTransactions(Interrupted(engine, failures=10**9)))
    durable = writer.write(rows(1))

    writer.close()

    with pytest.raises(OperationalError):
        durable.result(GUARD_S)


def test_at_the_end_all_entries_fail_together_and_are_not_tried_one_by_one(engine, caplog):
    """Each try may wait for a connection, and there may be thousands of entries."""
    away = Interrupted(engine, failures=10**9)
    writer = GroupWriter(ChunkTransactions(away))
    waits = [writer.write(rows(number)) for number in range(20)]

    writer.close()

    assert all(isinstance(durable.exception(GUARD_S), OperationalError) for durable in waits)
    assert 10**9 - away.failures < 20
    assert "20 entries could not be written" in caplog.text


def test_what_comes_after_the_end_is_refused_at_once(engine):
    writer = GroupWriter(ChunkTransactions(engine))
    writer.close()

    with pytest.raises(ShuttingDown):
        writer.write(rows(1)).result(GUARD_S)
    writer.close()


def test_lazy_entries_go_with_the_next_commit_and_without_one_cost_no_fsync(writer, engine):
    goes_along = writer.write(Entry({NUMBERS: [{"n": 1}]}, lazy=True))
    writer.write(Entry({NUMBERS: [{"n": 2}]}, urgent=True)).result(GUARD_S)
    assert goes_along.done()
    writer.write(Entry({NUMBERS: [{"n": 3}]}, lazy=True)).result(GUARD_S)

    assert written(engine) == [1, 2, 3]
    assert writer.commits == 1


class Blocked:
    """An engine whose transactions do not begin before it is told to; then they fail, or go on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.asked, self.go_on, self.is_full = threading.Event(), threading.Event(), False

    def begin(self) -> Any:
        self.asked.set()
        assert self.go_on.wait(GUARD_S)
        if self.is_full:
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))
        return self._engine.begin()


@pytest.fixture
def blocked(engine):
    made = Blocked(engine)
    writer = GroupWriter(ChunkTransactions(made))
    yield made, writer
    made.is_full = False
    made.go_on.set()
    writer.close()


def test_a_writer_that_cannot_write_is_stalled_and_says_why(blocked):
    database, writer = blocked
    assert writer.stalled_s == 0.0
    database.is_full = True
    durable = writer.write(rows(1))
    assert database.asked.wait(GUARD_S)

    database.go_on.set()
    wait_until(lambda: writer.last_error == "database or disk is full")
    assert writer.stalled_s > 0.0
    assert not durable.done()

    database.is_full = False
    durable.result(GUARD_S)
    wait_until(lambda: writer.stalled_s == 0.0)
    assert writer.last_error == ""


def test_an_entry_behind_a_transaction_that_is_stuck_can_be_withdrawn(blocked, engine):
    database, writer = blocked
    first = writer.write(rows(1))
    assert database.asked.wait(GUARD_S)
    second, third = writer.write(rows(2)), writer.write(rows(3))

    assert writer.withdraw(second)
    database.go_on.set()

    for durable in (first, third):
        durable.result(GUARD_S)
    with pytest.raises(JournalUnavailable):
        second.result(GUARD_S)
    assert written(engine) == [1, 3]


def test_what_comes_first_has_a_commit_of_its_own_before_what_waits(blocked):
    """What waits may be the events of many runs, which take long to write."""
    database, writer = blocked
    writer.write(rows(1))
    assert database.asked.wait(GUARD_S)
    done = []
    waits, admission = (Entry({NUMBERS: [{"n": n}]}, urgent=True, first=n == 3) for n in (2, 3))
    for entry in (waits, admission):
        entry.done.add_done_callback(done.append)
        writer.write(entry)

    database.go_on.set()

    waits.done.result(GUARD_S)
    assert done == [admission.done, waits.done]
    assert writer.commits == 3


def test_an_admission_comes_first(monkeypatch, tmp_path):
    journal, entries = Journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}"), []
    monkeypatch.setattr(journal._writer, "write", entries.append)

    task = Task(workflow=Workflow(steps=(Step(id="a", capability="greet"),)))
    journal.admit(AdmittedTask(id=TaskId("t"), task=task, submitted_at_s=1.0))

    journal.close()
    assert [entry.first for entry in entries] == [True]


def test_an_entry_is_withdrawn_between_two_tries(blocked, engine):
    database, writer = blocked
    database.is_full = True
    database.go_on.set()
    durable = writer.write(rows(1))

    wait_until(lambda: writer.withdraw(durable))
    database.is_full = False
    writer.write(rows(2)).result(GUARD_S)

    assert written(engine) == [2]


def test_an_entry_that_is_written_cannot_be_withdrawn(writer):
    durable = writer.write(rows(1))
    durable.result(GUARD_S)

    assert not writer.withdraw(durable)


def test_an_entry_that_is_withdrawn_in_the_moment_it_fails_does_not_end_the_thread(writer, engine):
    """The event loop gives up what has stalled just when the database answers with an error."""

    class Overtaken(Future[None]):
        def set_exception(self, exception: BaseException | None) -> None:
            withdrawing = threading.Thread(target=writer.withdraw, args=(self,), daemon=True)
            if threading.current_thread() is writer._thread:
                withdrawing.start()
                withdrawing.join(0.2)  # as long as it may take that it waits for this thread
            super().set_exception(exception)

    entry = rows(1, 1)
    entry.done = Overtaken()
    failed = writer.write(entry)

    with pytest.raises((IntegrityError, JournalUnavailable)):
        failed.result(GUARD_S)
    writer.write(rows(2)).result(GUARD_S)
    assert written(engine) == [2]


def wait_until(holds: Any) -> None:
    until_s = time.monotonic() + GUARD_S
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.001)
