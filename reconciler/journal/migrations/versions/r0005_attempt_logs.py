"""What attempts print and log."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "attempt_logs",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("last_seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
