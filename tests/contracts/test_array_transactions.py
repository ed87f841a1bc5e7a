"""What PostgreSQL gets of a transaction: a statement for each table, however many rows there are."""

import random
import string
from functools import partialmethod
from types import SimpleNamespace

import pytest
from journal_entries import admission, end, event_row, rows, staged
from sqlalchemy import Connection, column, event, func, select, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from reconciler.journal import array_transactions, statements
from reconciler.journal.array_transactions import ArrayTransactions, transactions_of
from reconciler.journal.entries import Entry
from reconciler.journal.ownership import claimed
from reconciler.journal.schema import EVENTS, HEARTBEATS, OUTCOMES, STAGED_OUTPUTS, SUMMARIES, TASKS, open_engine
from reconciler.journal.transactions import ChunkTransactions
from reconciler.journal.writer import GroupWriter

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)

TOO_LARGE_FOR_AN_INDEX = "".join(random.Random(0).choices(string.ascii_letters, k=10_000))
ODD_TEXTS = ['{"a": "b\\"c"}', "NULL", "null", "{}", "", "\\", "'", "ü 漢字", "%(task)s %s", "\n"]


@pytest.fixture
def engine(database_url):
    made = open_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def transactions(engine):
    made = transactions_of(engine)
    yield made
    made.close()


def write(transactions, *entries):
    transactions.write(entries, None, relaxed=False)


def test_postgres_takes_arrays_and_sqlite_takes_rows(tmp_path, transactions):
    sqlite = open_engine(f"sqlite:///{tmp_path / 'journal.sqlite3'}")

    assert isinstance(transactions, ArrayTransactions)
    assert isinstance(transactions_of(sqlite), ChunkTransactions)
    sqlite.dispose()


def test_a_url_that_names_no_driver_is_that_of_the_one_driver(database_url):
    engine = open_engine(database_url.replace("postgresql+psycopg://", "postgresql://"))

    assert engine.dialect.driver == "psycopg"
    engine.dispose()


def test_texts_and_numbers_come_back_as_they_were(engine, transactions):
    """Also where some of the moments in one array are whole numbers, and others are not."""
    moments = [3, 0.1, 1e-9, 2**40, 0.5, 7, 8.25, 1, 2, 3]
    given = [event_row("t", seq, data, at_s) for seq, (data, at_s) in enumerate(zip(ODD_TEXTS, moments, strict=True))]

    write(transactions, Entry({EVENTS: given}))

    assert rows(engine, EVENTS.c.seq, EVENTS.c.data, EVENTS.c.at_s) == [
        (seq, data, float(at_s)) for seq, (data, at_s) in enumerate(zip(ODD_TEXTS, moments, strict=True))
    ]


def test_a_transaction_of_a_hundred_tasks_has_as_many_statements_as_that_of_one(engine, transactions):
    executed = []
    event.listen(engine, "before_cursor_execute", lambda *details: executed.append(details[2]))

    def statements_for(*tasks):
        executed.clear()
        write(transactions, *(admission(task) for task in tasks), *(staged(task, "a") for task in tasks))
        write(transactions, *(Entry({EVENTS: [event_row(task, 1)]}) for task in tasks), *(end(task) for task in tasks))
        return len(executed)

    for_one = statements_for("one")

    tasks = [f"t{number:03}" for number in range(100)]
    assert statements_for(*tasks) == for_one == 7
    assert rows(engine, TASKS.c.id, TASKS.c.status, TASKS.c.view) == [
        (task, "failed", f"view of {task}") for task in ["one", *tasks]
    ]
    assert rows(engine, SUMMARIES.c.task, SUMMARIES.c.ended_at_s) == [(task, 2.0) for task in ["one", *tasks]]
    assert rows(engine, STAGED_OUTPUTS.c.task) == []


def test_what_an_attempt_has_staged_is_dropped_and_nothing_else(engine, transactions):
    kept = [("t1", "a2"), ("t2", "a1")]
    write(transactions, *(staged(*each) for each in [("t1", "a1"), *kept, ("t2", "a2")]))

    drops = [statements.drop_staged("t1", "a1"), statements.drop_staged("t2", "a2")]
    write(transactions, *(Entry(updates=[drop]) for drop in drops))

    assert rows(engine, STAGED_OUTPUTS.c.task, STAGED_OUTPUTS.c.attempt) == kept


def test_large_rows_are_sent_in_several_statements(engine, transactions, monkeypatch):
    """A message to PostgreSQL holds a gigabyte at most, and a transaction may be larger."""
    monkeypatch.setattr(array_transactions, "_MOST_CHARACTERS", 2_000)
    given = [event_row("t", seq, "x" * 900) for seq in range(9)]

    write(transactions, Entry({EVENTS: given}))

    assert rows(engine, EVENTS.c.seq) == [(seq,) for seq in range(9)]


@pytest.mark.timeout(60)  # client and server waited for each other
@pytest.mark.parametrize(("count", "characters"), [(1, 5_000_000), (40, 200_000), (2_000, 4_000)])
def test_a_transaction_that_is_larger_than_the_buffers_of_a_socket_is_written(engine, transactions, count, characters):
    given = [event_row("t", seq, "x" * characters) for seq in range(count)]

    write(transactions, Entry({EVENTS: given}, statements.beat(1, 2.0)))

    assert rows(engine, func.count(EVENTS.c.seq), func.sum(func.length(EVENTS.c.data))) == [(count, count * characters)]


@pytest.mark.timeout(60)
def test_a_large_transaction_that_is_refused_while_it_is_sent_leaves_nothing(engine, transactions):
    write(transactions, Entry({EVENTS: [event_row("t", 1)]}))
    large = [event_row("u", seq, "x" * 3_000_000) for seq in range(8)]

    with pytest.raises(IntegrityError):
        write(transactions, Entry({EVENTS: [event_row("t", 1), *large]}))

    assert rows(engine, EVENTS.c.task) == [("t",)]
    write(transactions, Entry({EVENTS: large}))
    assert rows(engine, func.count(EVENTS.c.seq)) == [(9,)]


def test_a_connection_that_is_lost_while_rows_are_sent_is_a_matter_of_the_database(transactions, monkeypatch):
    """The writer then tries again, and does not take the rows for wrong."""
    connection = transactions._connected()

    def fails():
        raise connection.dialect.loaded_dbapi.OperationalError("flushing failed: server closed the connection")

    with monkeypatch.context() as broken:
        broken.setattr(connection.connection.driver_connection, "pgconn", SimpleNamespace(flush=fails))
        with pytest.raises(OperationalError):
            array_transactions._send_all(connection)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (event_row("t", 1), IntegrityError),
        (event_row("t", 2, data="\x00"), DataError),
        (event_row(TOO_LARGE_FOR_AN_INDEX, 2), DataError),
    ],
    ids=["known", "not text", "too large"],
)
def test_a_refused_transaction_says_why_and_leaves_nothing(engine, transactions, wrong, error):
    """The results of the statements after the refused one say only that the transaction was aborted. What is larger
    than the server takes will not be taken later: its error is none that the writer tries again.

    They are so many that the refusal comes back while others are still being sent.
    """
    write(transactions, Entry({EVENTS: [event_row("t", 1)]}))

    with pytest.raises(error):
        write(transactions, Entry({EVENTS: [event_row("u", 1), wrong]}), Entry(updates=50 * statements.beat(1, 2.0)))

    assert rows(engine, EVENTS.c.task) == [("t",)]
    assert rows(engine, HEARTBEATS.c.shard) == []
    write(transactions, Entry({EVENTS: [event_row("u", 1)]}, statements.beat(1, 3.0)))
    assert rows(engine, EVENTS.c.task) == [("t",), ("u",)]
    assert rows(engine, HEARTBEATS.c.at_s) == [(3.0,)]


def test_a_transaction_that_need_not_survive_a_power_cut_is_written(engine, transactions):
    transactions.write([Entry({EVENTS: [event_row("t", 1)]})], None, relaxed=True)
    write(transactions, Entry({EVENTS: [event_row("t", 2)]}))

    assert rows(engine, EVENTS.c.seq) == [(1,), (2,)]
    with engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"


@pytest.fixture
def lose_connection(engine, monkeypatch):
    """Makes the connection of each transaction end once the server has committed it."""
    commit = Connection.commit

    def lost_after(connection, *, is_noticed):
        pid = connection.connection.driver_connection.info.backend_pid
        commit(connection)
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        if is_noticed:
            connection.exec_driver_sql("SELECT 1")  # SQLAlchemy lets go of the connection

    return lambda **how: monkeypatch.setattr(Connection, "commit", partialmethod(lost_after, **how))


def test_what_was_committed_before_the_connection_was_lost_is_written_once(
    engine, transactions, lose_connection, monkeypatch
):
    entry = admission("t")
    entry.inserts[EVENTS] = [event_row("t", 1), event_row("t", 2)]
    entry.inserts[OUTCOMES] = [{"task": "t", "outcome": "{}"}]  # the database counts up their keys

    lose_connection(is_noticed=True)
    with pytest.raises(OperationalError):
        write(transactions, entry)
    in_doubt = transactions.in_doubt
    monkeypatch.undo()
    write(transactions, entry)

    assert in_doubt
    assert not transactions.in_doubt
    assert rows(engine, EVENTS.c.seq) == [(1,), (2,)]
    assert rows(engine, TASKS.c.id) == [("t",)]
    assert rows(engine, OUTCOMES.c.task) == [("t",)]
    assert not transactions._connection.in_transaction()  # it may hold the lock of the claim
    with pytest.raises(IntegrityError):
        write(transactions, entry)


def test_what_the_server_says_is_committed_is_written_though_the_connection_is_lost_then(
    engine, transactions, lose_connection, monkeypatch
):
    """The driver waits once more for the server after the commit."""
    lose_connection(is_noticed=False)
    write(transactions, admission("t"))
    monkeypatch.undo()
    write(transactions, admission("u"))

    assert not transactions.in_doubt
    assert rows(engine, TASKS.c.id) == [("t",), ("u",)]


def test_what_was_not_sent_because_the_connection_was_lost_is_not_in_doubt(engine, transactions):
    """It can be withdrawn, unlike what may have been committed."""
    owner = claimed(engine, 0)
    transactions.write([admission("t")], owner, relaxed=False)
    with engine.connect() as other:
        others = select(func.pg_terminate_backend(column("pid"), 5000)).select_from(text("pg_stat_activity"))
        other.execute(others.where(text("datname = current_database() AND pid != pg_backend_pid()")))

    with pytest.raises(OperationalError):
        transactions.write([admission("u")], owner, relaxed=False)

    assert not transactions.in_doubt
    transactions.write([admission("u")], owner, relaxed=False)


def test_what_the_server_has_refused_is_not_in_doubt(transactions):
    write(transactions, admission("t"))

    with pytest.raises(IntegrityError):
        write(transactions, admission("t"))

    assert not transactions.in_doubt


def test_a_connection_that_is_lost_while_the_journal_is_closed_leaves_nothing_in_doubt(
    engine, transactions, lose_connection, monkeypatch, caplog
):
    """Its entries are looked for together: one by one, all but the first would be inserted once more."""
    lose_connection(is_noticed=True)
    lost = Connection.commit
    writer = GroupWriter(transactions)

    def once(connection):
        writer._closing.set()
        monkeypatch.undo()
        lost(connection)

    monkeypatch.setattr(Connection, "commit", once)
    waits = [writer.write(admission(task)) for task in ("t", "u", "v")]
    writer.close()

    assert [durable.exception(60) for durable in waits] == [None, None, None]
    assert rows(engine, TASKS.c.id) == [("t",), ("u",), ("v",)]
    assert "IntegrityError" not in caplog.text
