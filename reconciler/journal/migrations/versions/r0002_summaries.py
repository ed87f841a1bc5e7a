"""Summaries of tasks, so that lists read no plans, and the moment of their end, so that old ones can be deleted."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# Rows that are read and written at a time: a view may hold large outputs.
_BATCH = 100
_TASKS = sa.table("tasks", *(sa.column(name) for name in ("id", "submitted_at_s", "task", "status", "view")))


def upgrade() -> None:
    """Create the table and fill it from what is stored."""
    op.create_index("tasks_by_id", "tasks", ["shard", "id"])
    op.create_index("outcomes_by_task", "outcomes", ["task"])
    summaries = op.create_table(
        "summaries",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("submitted_at_s", sa.Float, nullable=False),
        sa.Column("ended_at_s", sa.Float, index=True),
        sa.Column("summary", sa.Text, nullable=False),
    )
    connection, after = op.get_bind(), ""
    batch = sa.select(_TASKS).order_by(_TASKS.c.id).limit(_BATCH)
    while rows := connection.execute(batch.where(_TASKS.c.id > after)).all():
        connection.execute(sa.insert(summaries), [_summary(row) for row in rows])
        after = rows[-1].id


def _summary(row: Any) -> dict[str, Any]:
    """The summary of a task, from its view if it has ended. A damaged row gets an empty one."""
    filled = {"task": row.id, "status": row.status, "submitted_at_s": row.submitted_at_s, "ended_at_s": None}
    try:
        if row.view is None:
            return {**filled, "summary": json.dumps(_unended(row))}
        view = json.loads(row.view)
        ended_at_s = row.submitted_at_s + (view["ended_s"] or 0.0)
        return {**filled, "summary": json.dumps({**view, "outputs": None}), "ended_at_s": ended_at_s}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {**filled, "summary": ""}


def _unended(row: Any) -> dict[str, Any]:
    task = json.loads(row.task)
    return {
        "v": 1,
        "id": row.id,
        "name": task.get("name", ""),
        "kind": task.get("kind", ""),
        "mode": task.get("planning", {}).get("mode", "forerun"),
        "status": row.status,
        "submitted_at_s": row.submitted_at_s,
    }
