"""Group commit: one thread writes what has gathered while it was committing, in one transaction."""

import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, Table, Update, insert
from sqlalchemy.exc import OperationalError

from reconciler.errors import ShuttingDown

_log = logging.getLogger(__name__)
Rows = Sequence[Mapping[str, Any]]

# Bounds a transaction, so that one who waits for durability does not wait for a flood.
_MOST_AT_ONCE = 5_000
# Entries that nobody waits for may gather so long: fewer fsyncs, and the event loop keeps the interpreter to itself.
_LINGER_S = 0.05
# While the database is away (a full disk, a restart) what is to be written waits: a fact that is lost is lost for good.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0


@dataclass(slots=True)
class Entry:
    """Rows to insert by table, then updates; all of it or nothing. ``urgent``: somebody waits for it to be durable."""

    inserts: dict[Table, Rows] = field(default_factory=dict)
    updates: Sequence[Update] = ()
    urgent: bool = False
    done: Future[None] = field(default_factory=Future)


class GroupWriter:
    """Appends in order. An append is durable when its future is done; many share one fsync and one statement."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._appending = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def write(self, entry: Entry) -> Future[None]:
        """Append; the future is done once it is on disk, or has the database's error; after `close` ShuttingDown."""
        # From here on it cannot be cancelled: it will be written, whether or not whoever asked still waits.
        entry.done.set_running_or_notify_cancel()
        with self._appending:  # nothing is put behind the end of the queue, where nobody would ever write it
            ended = self._closing.is_set()
            if not ended:
                self._queue.put(entry)
        if ended:
            entry.done.set_exception(ShuttingDown("the journal is closed", fix="try again when the service is back"))
        return entry.done

    def close(self) -> None:
        """Write what is left and end the thread."""
        with self._appending:
            self._closing.set()
            self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        ended = False
        while not ended:
            batch = self._gathered()
            ended = None in batch
            self._commit([entry for entry in batch if entry is not None])

    def _gathered(self) -> list[Entry | None]:
        """What has been appended: at once if somebody waits for any of it, else what comes within the linger time."""
        batch = [self._queue.get()]
        until_s = time.monotonic() + _LINGER_S
        while len(batch) < _MOST_AT_ONCE:
            if batch[-1] is None or batch[-1].urgent:
                until_s = 0.0
            try:
                batch.append(self._queue.get(timeout=max(0.0, until_s - time.monotonic())))
            except queue.Empty:
                break
        return batch

    def _commit(self, batch: Sequence[Entry]) -> None:
        """All at once; where that fails, one by one, so that only the entry that is wrong fails."""
        try:
            self._write_once_it_can(batch)
        except Exception as error:  # noqa: BLE001 -- whatever an entry holds, this thread goes on and its writer hears
            if len(batch) == 1:
                if not batch[0].urgent:  # nobody waits, so nobody else would say so
                    _log.error("an entry of the journal could not be written", exc_info=error)
                batch[0].done.set_exception(error)
                return
            for entry in batch:
                self._commit([entry])
            return
        for entry in batch:
            entry.done.set_result(None)

    def _write_once_it_can(self, batch: Sequence[Entry]) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            last = self._closing.is_set()
            try:
                with self._engine.begin() as connection:
                    return _write(connection, batch)
            except OperationalError as error:  # the database's state, not what the entries hold
                if last:
                    raise
                _log.warning("the journal cannot be written now, trying again: %s", error.orig)
            self._closing.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _write(connection: Connection, batch: Sequence[Entry]) -> None:
    rows: dict[Table, list[Mapping[str, Any]]] = {}
    for entry in batch:
        for table, new in entry.inserts.items():
            rows.setdefault(table, []).extend(new)
    for table, new_rows in rows.items():
        if new_rows:
            connection.execute(insert(table), new_rows)
    for entry in batch:
        for statement in entry.updates:
            connection.execute(statement)
