"""What attempts have staged, so that a restart does not lose it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "staged_outputs",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("attempt", sa.Text, primary_key=True),
        sa.Column("data", sa.Text, nullable=False),
    )
