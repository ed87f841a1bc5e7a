"""The tables of version 0.1, which had no migrations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create tasks, events and outcomes."""
    op.create_table(
        "tasks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("submitted_at_s", sa.Float, nullable=False),
        sa.Column("idempotency_key", sa.Text, unique=True),
        sa.Column("body_digest", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("view", sa.Text),
        sa.Column("timeline", sa.Text),
        sa.Column("plans", sa.Text),
    )
    op.create_index("tasks_by_shard", "tasks", ["shard", "status", "id"])
    op.create_table(
        "events",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at_s", sa.Float, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_table(
        "outcomes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
    )
