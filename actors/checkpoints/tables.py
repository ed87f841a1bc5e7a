"""The tables of checkpoints, in a database of their own or beside those of the journal."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, Table, Text, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

METADATA = MetaData()
_BUSY_S = 30

CHECKPOINTS = Table(
    "graph_checkpoints",
    METADATA,
    Column("thread", Text, primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("parent", Text),
    Column("run", Text, index=True),
    Column("kind", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("metadata_kind", Text, nullable=False),
    Column("metadata", LargeBinary, nullable=False),
)

# A value of a channel is stored once, however many checkpoints hold it. ``kind`` is empty where a channel has none.
VALUES = Table(
    "graph_values",
    METADATA,
    Column("thread", Text, primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

WRITES = Table(
    "graph_writes",
    METADATA,
    Column("thread", Text, primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("checkpoint", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("task_path", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

TABLES = (WRITES, VALUES, CHECKPOINTS)
Row = Mapping[str, Any]


def open_tables(url: str) -> Engine:
    """Connect to a database (SQLite or PostgreSQL), and create the tables it lacks."""
    engine = create_engine(make_url(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
    METADATA.create_all(engine)
    return engine


def store(connection: Connection, table: Table, rows: Iterable[Row], *, replace: bool = True) -> None:
    """Add rows. One with the key of a stored row replaces it, or is left out."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for row in rows:
        insert = dialect.insert(table).values(**row)
        key = [column.name for column in table.primary_key]
        rest = {name: value for name, value in row.items() if name not in key}
        if replace:
            connection.execute(insert.on_conflict_do_update(index_elements=key, set_=rest))
        else:
            connection.execute(insert.on_conflict_do_nothing(index_elements=key))


def _tune_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_S * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
