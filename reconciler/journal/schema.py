"""The tables of the journal, one schema for SQLite and PostgreSQL, and its migration. Values are JSON texts."""

import logging
import time
from sqlite3 import OperationalError
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from reconciler.errors import JournalTooNew
from reconciler.journal.database_url import database_url
from reconciler.journal.wal_checkpoints import MOST_PAGES

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
    # What is shown of an ended run, so that it need not be replayed.
    Column("view", Text),
    Column("timeline", Text),
    Column("plans", Text),
    Index("tasks_by_shard", "shard", "status", "id"),
    Index("tasks_by_id", "shard", "id"),
)

# A table of its own: SQLite reads through all large columns of a row to get at a later one.
SUMMARIES = Table(
    "summaries",
    METADATA,
    Column("task", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("submitted_at_s", Float, nullable=False),
    Column("ended_at_s", Float, index=True),
    Column("summary", Text, nullable=False),  # the view without outputs
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
    Index("outcomes_by_task", "task"),
)

# What stageable attempts have staged, until it is promoted. A row is written even for one that staged nothing.
STAGED_OUTPUTS = Table(
    "staged_outputs",
    METADATA,
    Column("task", Text, primary_key=True),
    Column("attempt", Text, primary_key=True),
    Column("data", Text, nullable=False),  # name -> base64
)

# API keys: the digest of the secret, never the secret.
API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at_s", Float, nullable=False),
    Column("revoked_at_s", Float),
)

# A row per shard, written to find out whether the journal can be written.
HEARTBEATS = Table(
    "heartbeats",
    METADATA,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("at_s", Float, nullable=False),
)

# How often each shard has been claimed by a process: only the latest may write. See `reconciler.journal.ownership`.
SHARD_OWNERS = Table(
    "shard_owners",
    METADATA,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),
)

# What attempts print and log. A row holds consecutive lines of one attempt: a row for each line would cost ten times as
# much. ``last_seq`` is the number of the last of them within the task.
ATTEMPT_LOGS = Table(
    "attempt_logs",
    METADATA,
    Column("task", Text, primary_key=True),
    Column("last_seq", Integer, primary_key=True, autoincrement=False),
    Column("lines", Integer, nullable=False),
    Column("attempt", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("data", Text, nullable=False),
)

# Results of pure agents by the key of their work. Moments are seconds since the epoch.
RESULTS = Table(
    "results",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("handoff", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("stored_at_s", Float, nullable=False),
    Column("until_s", Float, nullable=False, index=True),
    Column("used_at_s", Float, nullable=False, index=True),
)

# libpq's: seconds to connect, milliseconds until sent data must be acknowledged.
_POSTGRES_TIMEOUTS = {"connect_timeout": "5", "tcp_user_timeout": "10000", "keepalives_idle": "10"}
REVISION = "0007"  # the newest of `migrations`
_FIRST_REVISION = "0001"
_BUSY_S = 30.0
_SWITCH_PAUSE_S = 0.01
_VERSIONS = "alembic_version"
_LOCK = 0x_F0_4E_04_17  # any number, the same in every process
_log = logging.getLogger(__name__)


def open_engine(url: str) -> Engine:
    """Connect, after bringing the schema up to date.

    Raises:
        InvalidDatabase: the journal cannot be there.
        JournalTooNew: a newer version has written the journal.
    """
    parsed = database_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    engine = create_engine(_impatient(parsed), pool_pre_ping=not is_sqlite)
    event.listen(engine, "connect", _tune_sqlite if is_sqlite else _tune_psycopg)
    try:
        with engine.connect() as connection:
            current = _revision(connection)
        if current != REVISION:
            _migrate(parsed, is_sqlite=is_sqlite)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _impatient(url: URL) -> URL:
    """The URL with timeouts: a database host that is gone would otherwise block a connection for many minutes."""
    if url.get_backend_name() != "postgresql":
        return url
    missing = {name: value for name, value in _POSTGRES_TIMEOUTS.items() if name not in url.query}
    return url.update_query_dict(missing)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSIONS):
        return None
    return connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalar()  # noqa: S608 - a constant


def _migrate(url: URL, *, is_sqlite: bool) -> None:
    """Upgrade in one transaction, under a lock: all shards open the journal at the same time."""
    # Here and not above: only the first start of a version needs it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    engine = create_engine(url, poolclass=NullPool)
    if is_sqlite:
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "connect", _begin_nothing)
        event.listen(engine, "begin", _lock_sqlite)
    config = Config()
    config.set_main_option("script_location", "reconciler.journal:migrations")
    with engine.begin() as connection:  # NullPool: closed when this is left
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        if _revision(connection) is None and inspect(connection).has_table(TASKS.name):
            command.stamp(config, _FIRST_REVISION)
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise JournalTooNew(
                f"the journal was written by a newer version of Forerun: {error}",
                "journal.url",
                "start that version, or give another journal",
            ) from error
    _log.info("the journal has schema revision %s", REVISION)


def _tune_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """WAL lets readers read while a shard writes; FULL makes a commit survive a power cut, not only a crash."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_S * 1000:.0f}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA wal_autocheckpoint={MOST_PAGES}")
    cursor.close()


def _tune_psycopg(connection: Any, _record: ConnectionPoolEntry) -> None:
    """Arrays are sent in binary: as text, every quotation mark in them is escaped, and read again one by one.

    Plans are made for the arrays at hand: one for arrays of any size may read a whole table that was small by then.
    """
    from psycopg.types.array import ListBinaryDumper  # noqa: PLC0415 - an extra

    connection.adapters.register_dumper(list, ListBinaryDumper)
    connection.execute("SET plan_cache_mode TO force_custom_plan")
    connection.commit()


def _use_wal(cursor: DBAPICursor) -> None:
    """Switch to WAL. SQLite does not wait for its busy timeout here if several connections switch at the same time."""
    deadline_s = time.monotonic() + _BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except OperationalError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_SWITCH_PAUSE_S)
        else:
            return


def _begin_nothing(connection: Any, _record: ConnectionPoolEntry) -> None:
    """Python's driver begins no transaction of its own, which would be one that does not lock."""
    connection.isolation_level = None


def _lock_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
