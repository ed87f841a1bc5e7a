"""Results of pure agents in the journal's database, shared by all shards of a service.

Losing the last results in a crash costs nothing but time, so they are written a moment later and many at a time, in a
thread of their own.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from reconciler.journal.schema import RESULTS, open_engine
from reconciler.journal.stored_result import StoredResult

_PAUSE_S = 0.2
# The bound is checked after so much was added, as a share of it: the check reads the size of every result.
_UNCHECKED_SHARE = 0.01
# Written to the row of this key when all results are cleared, so that other processes forget theirs.
_CLEARED = "cleared"
_REAL = RESULTS.c.key != _CLEARED
_log = logging.getLogger(__name__)


class ResultTable:
    """The stored results. `keep` and `use` return at once; all other methods block. Thread-safe."""

    def __init__(self, url: str, *, max_bytes: int = 0, clock: Callable[[], float] = time.time) -> None:
        """Connect, and bring the schema up to date.

        Args:
            url: of the journal's database.
            max_bytes: the least recently used results are deleted beyond it, looked at each time that 1 % of it
                was added; 0: none are.
            clock: seconds since the epoch.

        Raises:
            JournalTooNew: a newer version has written the journal.
        """
        self._engine = open_engine(url)
        self._max_bytes = max_bytes
        self._unchecked_bytes = max_bytes  # added since the bound was checked; at first, nobody knows
        self._clock = clock
        self._kept: dict[str, StoredResult] = {}
        self._writing: dict[str, StoredResult] = {}
        self._one_writes = threading.Lock()
        self._used: dict[str, float] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._writer: threading.Thread | None = None

    def find(self, key: str) -> StoredResult | None:
        """The result of some work, unless it has expired."""
        with self._changed:
            found = self._kept.get(key) or self._writing.get(key)
        if found is None:
            with self._engine.connect() as connection:
                row = connection.execute(select(RESULTS).where(RESULTS.c.key == key)).one_or_none()
            found = None if row is None else StoredResult(*row)
        return found if found is not None and found.until_s > self._clock() else None

    def keep(self, result: StoredResult) -> None:
        """Store a result soon."""
        with self._changed:
            self._kept[result.key] = result
            self._begin()

    def use(self, key: str) -> None:
        """Note that a result has answered."""
        with self._changed:
            self._used[key] = self._clock()
            self._begin()

    def cleared_s(self) -> float:
        """When all results were cleared last; 0 if they never were."""
        with self._engine.connect() as connection:
            cleared = select(RESULTS.c.stored_at_s).where(RESULTS.c.key == _CLEARED)
            return connection.execute(cleared).scalar() or 0.0

    def clear(self) -> int:
        """Delete all results; how many there were."""
        now_s = self._clock()
        with self._changed:
            self._kept.clear()
        with self._one_writes, self._engine.begin() as connection:
            count = connection.execute(delete(RESULTS).where(_REAL)).rowcount
            connection.execute(delete(RESULTS).where(RESULTS.c.key == _CLEARED))
            row = StoredResult(_CLEARED, "", "", 0, now_s, now_s, now_s)
            connection.execute(insert(RESULTS), [row._asdict()])
        return count

    def stat(self) -> tuple[int, int]:
        """How many results there are, and their bytes."""
        with self._engine.connect() as connection:
            count, size = connection.execute(
                select(func.count(), func.coalesce(func.sum(RESULTS.c.bytes), 0)).where(_REAL)
            ).one()
        return int(count), int(size)

    def latest(self, most: int) -> Sequence[StoredResult]:
        """The results that were used last."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(RESULTS).where(_REAL).order_by(RESULTS.c.used_at_s.desc()).limit(most))
            return [StoredResult(*row) for row in rows]

    def flush(self) -> None:
        """Write what waits to be written."""
        with self._one_writes:
            with self._changed:
                kept, used = self._kept, self._used
                self._writing, self._kept, self._used = kept, {}, {}
            if kept or used:
                with self._engine.begin() as connection:
                    self._write(connection, kept, used)
            with self._changed:
                self._writing = {}

    def close(self) -> None:
        """Write what waits, and disconnect."""
        with self._changed:
            self._closed, writer = True, self._writer
            self._changed.notify()
        if writer is not None:
            writer.join()
        self._engine.dispose()

    def _begin(self) -> None:
        if self._writer is None and not self._closed:
            self._writer = threading.Thread(target=self._work, name="results", daemon=True)
            self._writer.start()
        self._changed.notify()

    def _work(self) -> None:
        while not self._closed:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._kept or self._used or self._closed))
                self._changed.wait_for(lambda: self._closed, timeout=_PAUSE_S)
            try:
                self.flush()
            except SQLAlchemyError as error:
                _log.warning("results are not stored: %s", str(error).partition("\n")[0])

    def _write(self, connection: Connection, kept: dict[str, StoredResult], used: dict[str, float]) -> None:
        if kept:
            connection.execute(delete(RESULTS).where(RESULTS.c.key.in_(kept)))
            connection.execute(insert(RESULTS), [result._asdict() for result in kept.values()])
        for key, at_s in used.items():
            connection.execute(update(RESULTS).where(RESULTS.c.key == key).values(used_at_s=at_s))
        connection.execute(delete(RESULTS).where(_REAL & (RESULTS.c.until_s <= self._clock())))
        self._unchecked_bytes += sum(result.bytes for result in kept.values())
        if kept and self._max_bytes and self._unchecked_bytes >= _UNCHECKED_SHARE * self._max_bytes:
            self._delete_least_used(connection)
            self._unchecked_bytes = 0

    def _delete_least_used(self, connection: Connection) -> None:
        size = connection.execute(select(func.coalesce(func.sum(RESULTS.c.bytes), 0))).scalar() or 0
        too_many = int(size) - self._max_bytes
        if too_many <= 0:
            return
        oldest = connection.execute(select(RESULTS.c.key, RESULTS.c.bytes).where(_REAL).order_by(RESULTS.c.used_at_s))
        gone = []
        for key, one in oldest:
            if too_many <= 0:
                break
            gone.append(key)
            too_many -= one
        connection.execute(delete(RESULTS).where(RESULTS.c.key.in_(gone)))
