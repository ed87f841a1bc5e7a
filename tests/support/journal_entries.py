"""Entries of a journal as its tests write them, and the rows that a table then holds."""

from typing import Any

from sqlalchemy import Engine, select

from reconciler.journal import statements
from reconciler.journal.entries import Entry
from reconciler.journal.schema import EVENTS, STAGED_OUTPUTS, SUMMARIES, TASKS


def event_row(task: str, seq: int, data: str = "{}", at_s: float = 0.5) -> dict[str, Any]:
    return {"task": task, "seq": seq, "at_s": at_s, "kind": "k", "data": data}


def events(task: str, count: int) -> Entry:
    return Entry({EVENTS: [event_row(task, seq) for seq in range(count)]})


def admission(task: str) -> Entry:
    row = {"id": task, "shard": 0, "submitted_at_s": 1, "idempotency_key": None, "body_digest": "", "task": "{}"}
    summary = {"task": task, "status": "running", "submitted_at_s": 1, "ended_at_s": None, "summary": ""}
    return Entry({TASKS: [{**row, "status": "running"}], SUMMARIES: [summary]})


def end(task: str) -> Entry:
    views = {"status": "failed", "view": f"view of {task}", "timeline": None, "plans": None}
    changes = statements.end_task(task, views, {"status": "failed", "ended_at_s": 2, "summary": task})
    return Entry(updates=[*changes, statements.drop_all_staged(task)])


def staged(task: str, attempt: str) -> Entry:
    return Entry({STAGED_OUTPUTS: [{"task": task, "attempt": attempt, "data": "{}"}]})


def rows(engine: Engine, *columns: Any) -> list[tuple[Any, ...]]:
    """These columns of all rows, in their order."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]
