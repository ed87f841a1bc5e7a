"""The tables of the journal: one schema for SQLite and PostgreSQL. Values are JSON text of versioned models."""

from sqlalchemy import Column, Engine, Float, Index, Integer, MetaData, Table, Text, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

METADATA = MetaData()

TASKS = Table(
    "tasks",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("shard", Integer, nullable=False),
    Column("submitted_at_s", Float, nullable=False),
    Column("idempotency_key", Text, unique=True),
    Column("body_digest", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("status", Text, nullable=False),
    # What is shown of an ended run, so that nothing needs folding to be looked at.
    Column("view", Text),
    Column("timeline", Text),
    Column("plans", Text),
    Index("tasks_by_shard", "shard", "status", "id"),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("task", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at_s", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),
)

OUTCOMES = Table(
    "outcomes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("task", Text, nullable=False),
    Column("outcome", Text, nullable=False),
)


def open_engine(url: str) -> Engine:
    """Connect and create what is missing."""
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if make_url(url).get_backend_name() == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
    METADATA.create_all(engine)
    return engine


def _tune_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """WAL lets readers read while a shard writes; FULL makes a commit survive a power cut, not only a crash."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
