"""Schema migrations of the journal, for SQLite and PostgreSQL. `reconciler.journal.schema.open_engine` runs them."""
