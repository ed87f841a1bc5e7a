"""One transaction of the journal, and how SQLite takes it.

There are few statements, each for many rows. Python's driver of SQLite lets other threads run at every step, two or
three times a row if rows are executed one by one. While the event loop is busy, it gets the interpreter back only after
the switch interval each time, so that a commit takes many times its CPU.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine

from reconciler.journal.entries import Entry, rows_by_table
from reconciler.journal.ownership import Ownership
from reconciler.journal.statements import RowStatement, inserted, prepared_rows

# In one statement. Each value of each row is a parameter, and SQLite takes 32,766.
_MOST_ROWS = 64

_Row = TypeVar("_Row")


class Transactions(Protocol):
    """Writes entries to a database. Used in one thread.

    Attributes:
        in_doubt: what was to be written last may be there although `write` has raised an error. Write it again: what is
            there stays as it is.
    """

    in_doubt: bool

    def write(self, entries: Sequence[Entry], ownership: Ownership | None, *, relaxed: bool) -> None:
        """Write all of them or none. They are durable when this returns.

        Args:
            entries: in order.
            ownership: checked within the transaction, if there is one.
            relaxed: they need not survive a power cut, only a crash of the process.

        Raises:
            Superseded: another process owns the runs.
            DBAPIError: what the database says. OperationalError: the entries may be written another time.
        """
        ...

    def close(self) -> None:
        """Close the connection, if one is held."""
        ...


class ChunkTransactions:
    """Fulfils `Transactions`. Rows are taken in chunks of 64, 32 and so on, so that few statements are prepared."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.in_doubt = False

    def write(self, entries: Sequence[Entry], ownership: Ownership | None, *, relaxed: bool) -> None:
        """See `Transactions`."""
        with _relaxed(self._engine) if relaxed else self._engine.begin() as connection:
            for statement, rows in inserts_of(entries):
                _execute(connection, statement, rows)
            for statement, rows in changes_of(connection, entries):
                _execute(connection, statement, rows)
            if ownership is not None and entries:
                ownership.check(connection)

    def close(self) -> None:
        """See `Transactions`. No connection is held."""


RowsOfStatement = tuple[RowStatement, Sequence[Mapping[str, Any]]]


def inserts_of(entries: Iterable[Entry], *, again: bool = False) -> list[RowsOfStatement]:
    """The rows that entries insert, by table. ``again``: some may be there; they stay as they are."""
    return [(inserted(table, tuple(rows[0]), again=again), rows) for table, rows in rows_by_table(entries).items()]


def changes_of(connection: Connection, entries: Iterable[Entry]) -> Iterable[RowsOfStatement]:
    """The rows that entries change, by statement. What they change in other ways is executed at once."""
    together: dict[RowStatement, list[Mapping[str, Any]]] = {}
    for change in (change for entry in entries for change in entry.updates):
        if isinstance(change.statement, RowStatement):
            together.setdefault(change.statement, []).append(change.values)
        else:
            connection.execute(change.statement, change.values)
    return together.items()


def _execute(connection: Connection, statement: RowStatement, rows: Sequence[Mapping[str, Any]]) -> None:
    for chunk in chunks_of(rows):
        prepared = prepared_rows(statement, len(chunk), connection.dialect)
        connection.exec_driver_sql(prepared.text, prepared.parameters(chunk))


def chunks_of(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """The rows in order, in chunks of decreasing powers of two."""
    begin, size = 0, _MOST_ROWS
    while begin < len(rows):
        while size > len(rows) - begin:
            size //= 2
        yield rows[begin : begin + size]
        begin += size


@contextmanager
def _relaxed(engine: Engine) -> Iterator[Connection]:
    """A transaction whose commit does not wait for the disk: a crash of the process loses nothing, a power cut may."""
    with engine.connect() as connection:
        _synchronise(connection, "NORMAL")  # with WAL, this leaves the fsync to the next checkpoint
        try:
            with connection.begin():
                yield connection
        finally:
            _synchronise(connection, "FULL")


def _synchronise(connection: Connection, mode: str) -> None:
    connection.exec_driver_sql(f"PRAGMA synchronous={mode}")
    connection.rollback()  # SQLAlchemy counts the statement as the start of a transaction
