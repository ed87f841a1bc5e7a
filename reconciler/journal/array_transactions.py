"""One transaction of the journal on PostgreSQL: all rows of a table in one statement, all statements in one message.

With a statement for each row, client and server take longer to handle a row than to store it. The writer would also
wait for the result of each statement, and meanwhile another thread may hold the interpreter for milliseconds.
"""

import selectors
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, OperationalError

from reconciler.journal.entries import Entry, rows_by_table
from reconciler.journal.ownership import Ownership
from reconciler.journal.schema import STAGED_OUTPUTS
from reconciler.journal.statements import PreparedArrays, counted, prepared_arrays
from reconciler.journal.transactions import ChunkTransactions, Transactions, changes_of, inserts_of

# A connection that was not used for so long is checked before it is used again: the server may have been restarted.
_FRESH_S = 1.0
# In the arrays of one statement; a message to PostgreSQL holds up to a gigabyte.
_MOST_CHARACTERS = 16_000_000


def transactions_of(engine: Engine) -> Transactions:
    """How entries are written to the engine's database."""
    return ArrayTransactions(engine) if engine.dialect.name == "postgresql" else ChunkTransactions(engine)


class ArrayTransactions:
    """Fulfils `Transactions`. Keeps a connection, so that statements are prepared once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._used_s = 0.0
        self.in_doubt = False

    def write(self, entries: Sequence[Entry], ownership: Ownership | None, *, relaxed: bool) -> None:
        """See `Transactions`."""
        connection = self._connected()
        driver: Any = connection.connection.driver_connection
        sent = committed = False
        try:
            if ownership is not None and entries:
                # Before the rest, as its answer has to be waited for. It locks the row that it reads.
                ownership.check(connection)
            if self.in_doubt and _are_there(connection, entries):
                connection.rollback()  # else the row stays locked
                self.in_doubt = False
                return
            with _pipeline(connection):
                sent = True
                if relaxed:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")
                _write(connection, entries, again=self.in_doubt)
                connection.commit()
                committed = True
        except BaseException as error:
            # The connection may have been lost after the server had committed. SQLAlchemy has closed it then.
            lost = connection.invalidated or bool(getattr(driver, "closed", True))
            self.in_doubt |= sent and lost
            # Not only closed: a commit that fails leaves the transaction open, and SQLAlchemy takes it for ended.
            connection.invalidate()
            self.close()
            if not committed:  # else the connection was lost while the driver ended the pipeline
                if (wrong := _wrong_rows(error)) is not None:
                    raise wrong from error
                raise
        self.in_doubt = False

    def close(self) -> None:
        """See `Transactions`. What was not committed is rolled back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        now_s = time.monotonic()
        if now_s - self._used_s > _FRESH_S:
            self.close()
        self._used_s = now_s
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection


def _wrong_rows(error: BaseException) -> DataError | None:
    """The error if the same rows would be refused again: one is larger than the server takes (SQLSTATE class 54).

    The driver calls that operational, like what says that the server is away.
    """
    if not isinstance(error, OperationalError) or error.orig is None:
        return None
    is_too_large = str(getattr(error.orig, "sqlstate", None)).startswith("54")
    return DataError(error.statement, None, error.orig) if is_too_large else None


@contextmanager
def _pipeline(connection: Connection) -> Iterator[None]:
    """Statements are sent without waiting for results, up to the commit, which raises the first error."""
    driver: Any = connection.connection.driver_connection
    with driver.pipeline() as pipeline:
        try:
            yield
        except BaseException:
            with suppress(Exception):  # those of the statements after the one that failed
                _send_all(connection)
                pipeline.sync()
            raise


def _send_all(connection: Connection) -> None:
    """Send what libpq still holds of the statements.

    It sends no more at a time than the socket takes. psycopg (3.3) does not look whether anything is left when it waits
    for the results of a pipeline: beyond some hundred kilobytes, it and the server would wait for each other for ever.

    Raises:
        OperationalError: the connection is lost.
    """
    driver: Any = connection.connection.driver_connection
    dbapi: Any = connection.dialect.loaded_dbapi
    try:
        _flush(driver.pgconn)
    except dbapi.OperationalError as error:  # SQLAlchemy has not seen it
        raise OperationalError("sending rows", None, error) from error


def _flush(pgconn: Any) -> None:
    if not pgconn.flush():
        return
    with selectors.DefaultSelector() as ready:
        ready.register(pgconn.socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while pgconn.flush():
            ((_, events),) = ready.select()
            if events & selectors.EVENT_READ:  # the server may stop reading until its results are taken
                pgconn.consume_input()


def _are_there(connection: Connection, entries: Sequence[Entry]) -> bool:
    """Whether all rows that entries insert with keys of their own are there: then all else was committed with them.

    What was staged may have been deleted in the same transaction.
    """
    found = wanted = 0
    for table, rows in rows_by_table(entries).items():
        if table is not STAGED_OUTPUTS and rows[0].keys() >= {*table.primary_key.columns.keys()}:
            statement = prepared_arrays(counted(table), connection.dialect)
            found += int(connection.exec_driver_sql(statement.text, statement.parameters(rows)).scalar_one())
            wanted += len(rows)
    return 0 < wanted == found


def _write(connection: Connection, entries: Sequence[Entry], *, again: bool) -> None:
    for statement, rows in inserts_of(entries, again=again):
        _execute(connection, prepared_arrays(statement, connection.dialect), rows)
    for statement, rows in changes_of(connection, entries):
        _execute(connection, prepared_arrays(statement, connection.dialect), rows)
    _send_all(connection)


def _execute(connection: Connection, statement: PreparedArrays, rows: Sequence[Mapping[str, Any]]) -> None:
    arrays = statement.parameters(rows)
    if len(rows) > 1 and statement.characters(arrays) > _MOST_CHARACTERS:
        half = len(rows) // 2
        _execute(connection, statement, rows[:half])
        _execute(connection, statement, rows[half:])
    else:
        connection.exec_driver_sql(statement.text, arrays)
        _send_all(connection)  # each by itself: libpq moves all that is left with each part that it sends
