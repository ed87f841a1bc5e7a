"""A transaction on SQLite has few statements, however many rows it writes."""

import pytest
from journal_entries import admission, end, events, rows, staged
from sqlalchemy import event

from reconciler.journal import statements
from reconciler.journal.entries import Entry
from reconciler.journal.schema import EVENTS, STAGED_OUTPUTS, SUMMARIES, TASKS, open_engine
from reconciler.journal.transactions import ChunkTransactions, chunks_of


@pytest.fixture
def engine(tmp_path):
    made = open_engine(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield made
    made.dispose()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 63, 64, 65, 200, 1000])
def test_chunks_hold_all_rows_in_order_and_have_few_sizes(count):
    chunks = list(chunks_of(range(count)))

    assert [row for chunk in chunks for row in chunk] == list(range(count))
    assert {len(chunk) for chunk in chunks} <= {64, 32, 16, 8, 4, 2, 1}
    assert len(chunks) <= count // 64 + 6


def test_statements_and_steps_do_not_grow_with_the_rows(engine):
    """Each step lets other threads run, and the writer waits for the interpreter after it."""
    executed = []
    event.listen(engine, "before_cursor_execute", lambda *details: executed.append(details[2]))
    tasks = [f"t{number:03}" for number in range(64)]

    entries = [each for task in tasks for each in (admission(task), events(task, 5), staged(task, "a"), end(task))]
    ChunkTransactions(engine).write(entries, None, relaxed=False)

    # Tasks, summaries, staged outputs, two updates and a deletion, and 5 x 64 events.
    assert len(executed) == 6 + 5
    assert rows(engine, TASKS.c.id, TASKS.c.status, TASKS.c.view) == [
        (task, "failed", f"view of {task}") for task in tasks
    ]
    assert rows(engine, SUMMARIES.c.task, SUMMARIES.c.ended_at_s) == [(task, 2.0) for task in tasks]
    assert rows(engine, EVENTS.c.task, EVENTS.c.seq) == [(task, seq) for task in tasks for seq in range(5)]
    assert rows(engine, STAGED_OUTPUTS.c.task) == []


def test_an_update_of_many_tasks_looks_each_up_by_its_key(engine):
    """Also in a database of which SQLite has no statistics."""
    plans = []
    for statement in (statements._END_TASK, statements._END_SUMMARY, statements._DROP_STAGED_OF_ATTEMPT):
        prepared = statements.prepared_rows(statement, 64, engine.dialect)
        with engine.connect() as connection:
            found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {prepared.text}", ("x",) * prepared.text.count("?"))
            plans.append([row.detail for row in found])

    for plan, table in zip(plans, ("tasks", "summaries", "staged_outputs"), strict=True):
        assert any(step.startswith(f"SEARCH {table} USING") for step in plan), plan
        assert not any(step.startswith(f"SCAN {table}") for step in plan), plan


def test_what_an_attempt_has_staged_is_dropped_and_nothing_else(engine):
    kept = [("t1", "a2"), ("t2", "a1")]
    transactions = ChunkTransactions(engine)
    transactions.write([staged(*each) for each in [("t1", "a1"), *kept, ("t2", "a2")]], None, relaxed=False)

    drops = [statements.drop_staged("t1", "a1"), statements.drop_staged("t2", "a2")]
    transactions.write([Entry(updates=[drop]) for drop in drops], None, relaxed=True)

    assert rows(engine, STAGED_OUTPUTS.c.task, STAGED_OUTPUTS.c.attempt) == kept
