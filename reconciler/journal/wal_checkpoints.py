"""Moves what SQLite has committed from its write-ahead log to the database, beside the commits and not within them.

SQLite itself does so within the commit that makes the log long enough. Such a commit takes two more fsyncs and writes
hundreds of pages, and every task that is being admitted waits for it.
"""

import logging
import threading
from typing import Self

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

_log = logging.getLogger(__name__)
# Pages of the log after which the commit at hand does it after all; SQLite's default is 1,000. While commits follow one
# another without a pause, new pages arrive during every checkpoint, so that the log only grows.
MOST_PAGES = 8_000
# Between two checkpoints: one to three megabytes of the log.
_COMMITS = 40
_PAUSE_S = 0.25


class WalCheckpoints:
    """Checkpoints of one SQLite file, in a thread that starts with the first of them."""

    def __init__(self, engine: Engine) -> None:
        """Set up; starts nothing."""
        self._engine = engine
        self._commits = 0
        self._due = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def of(cls, engine: Engine) -> Self | None:
        """Those of the engine's database; None if it is not a file of SQLite."""
        is_file = engine.dialect.name == "sqlite" and engine.url.database not in {None, "", ":memory:"}
        return cls(engine) if is_file else None

    def committed(self) -> None:
        """Take note of a commit. Call it in one thread only."""
        self._commits += 1
        if self._commits < _COMMITS:
            return
        self._commits = 0
        self._due.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="journal-checkpoints", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread. SQLite writes a last checkpoint when the last connection is closed."""
        self._closed.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while self._due.wait() and not self._closed.is_set():
            self._due.clear()
            try:
                self._checkpoint()
            except DBAPIError as error:  # a commit will do it
                _log.info("no checkpoint of the journal: %s", error.orig)
            self._closed.wait(_PAUSE_S)

    def _checkpoint(self) -> None:
        with self._engine.connect() as connection:
            # PASSIVE: neither readers nor the writer wait for it.
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
