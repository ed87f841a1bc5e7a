"""Alembic's entry point: migrates the connection that `reconciler.journal.schema` passes in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
