"""Checkpoints of SQLite's write-ahead log in a thread of their own, so that no commit waits for one.

SQLite checkpoints in the commit that fills the log: that commit also writes the changed pages into the database and
waits for the disk twice more, some 30 ms instead of 8.
"""

import logging
import threading

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

_log = logging.getLogger(__name__)
# An entry changes about one page, and a commit two more. SQLite's own limit is 1,000 pages.
_DUE_PAGES, _PAGES_OF_A_COMMIT = 1_000, 2
# Commits that happen meanwhile leave pages behind. The log can start anew once there are none.
_PASSES = 3


class WriteAheadLog:
    """The log of one database. A checkpoint here keeps neither readers nor writers waiting."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pages = 0
        self._due = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="journal-checkpoints", daemon=True)
        self._thread.start()

    def committed(self, entries: int) -> None:
        """A commit of so many entries was written to the log."""
        self._pages += entries + _PAGES_OF_A_COMMIT
        if self._pages >= _DUE_PAGES:
            self._pages = 0
            self._due.set()

    def close(self) -> None:
        """End the thread. The last connection to the database checkpoints when it is closed."""
        self._closing = True
        self._due.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            self._due.wait()
            if self._closing:
                return
            self._due.clear()
            try:
                self._checkpoint()
            except SQLAlchemyError as error:  # the log grows until the next one, or until SQLite's own
                _log.warning("the write-ahead log of the journal could not be checkpointed: %s", error)

    def _checkpoint(self) -> None:
        with self._engine.connect() as connection:
            for _ in range(_PASSES):
                _, pages, moved = connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()
                connection.rollback()  # SQLAlchemy counts the statement as the start of a transaction
                if pages == moved:
                    return
