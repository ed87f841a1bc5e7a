"""Results of pure agents, which answer identical work of later tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "results",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("handoff", sa.Text, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("stored_at_s", sa.Float, nullable=False),
        sa.Column("until_s", sa.Float, nullable=False, index=True),
        sa.Column("used_at_s", sa.Float, nullable=False, index=True),
    )
