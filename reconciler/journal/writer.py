"""Group commit: one thread writes everything that arrived during the last commit in one transaction."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from sqlalchemy.exc import OperationalError

from reconciler.errors import JournalUnavailable, ShuttingDown, Superseded
from reconciler.journal.entries import Entry
from reconciler.journal.entry_queue import EntryQueue
from reconciler.journal.ownership import Ownership
from reconciler.journal.quick_switches import QuickSwitches
from reconciler.journal.transactions import Transactions
from reconciler.journal.wal_checkpoints import WalCheckpoints

_log = logging.getLogger(__name__)


# Bounds a transaction, so that nobody who waits for durability waits for thousands of other entries.
_MOST_AT_ONCE = 5_000
# Entries that nobody waits for are collected this long: fewer fsyncs, and less contention for the interpreter.
_LINGER_S = 0.05
# Entries that are no facts wait this long for a commit that happens anyway.
_LAZY_LINGER_S = 0.5
# While the database is unavailable (a full disk, a restart) entries wait, as a fact that is not written is lost.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0
# While the journal is closed. If the connection is lost, only the second try tells whether the first has committed.
_LAST_TRIES = 2


class CommitObserver(Protocol):
    """Hears of every transaction, in the writer's thread. Never raises."""

    def committed(self, seconds: float, entries: int) -> None:
        """A transaction is durable."""
        ...

    def failed(self) -> None:
        """A transaction failed because of the database's state, and will be tried again."""
        ...


class GroupWriter:
    """Writes entries in order. An entry is durable when its future is done; many share one fsync and one statement.

    Attributes:
        ownership: checked by every transaction, if there is one.
    """

    def __init__(
        self,
        transactions: Transactions,
        observer: CommitObserver | None = None,
        checkpoints: WalCheckpoints | None = None,
    ) -> None:
        self._observer = observer
        self._transactions = transactions
        self._checkpoints = checkpoints
        self._queue = EntryQueue[Entry](_MOST_AT_ONCE)
        self._quick = QuickSwitches()
        self._closing = threading.Event()
        self._taking = threading.RLock()  # what a future calls back may withdraw another entry
        self._in_hand: frozenset[Future[None]] = frozenset()  # of the transaction under way
        self._began_s: float | None = None
        self.commits = 0
        self.ownership: Ownership | None = None
        self.last_error = ""
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def write(self, entry: Entry) -> Future[None]:
        """Queue an entry. Its future is done once it is on disk, or has the error: the database's, or ShuttingDown."""
        # From here on it cannot be cancelled: it is written whether or not anybody still waits for it.
        entry.done.set_running_or_notify_cancel()
        if entry.first:
            self._quick.until(entry.done)
        if not self._queue.put(entry, _linger_s(entry), first=entry.first):
            entry.done.set_exception(ShuttingDown("the journal is closed", fix="try again when the service is back"))
        return entry.done

    @property
    def stalled_s(self) -> float:
        """For how long the writer has been trying to write what it holds; 0 when it holds nothing."""
        began_s = self._began_s
        return 0.0 if began_s is None else time.monotonic() - began_s

    @property
    def waiting(self) -> int:
        """About how many entries wait behind those that are being written."""
        return len(self._queue)

    def withdraw(self, durable: Future[None]) -> bool:
        """Take back an entry; whether that was possible. One whose transaction is under way may yet be written.

        The future of an entry that was taken back fails with JournalUnavailable.
        """
        with self._taking:
            if durable.done() or durable in self._in_hand:
                return False
            durable.set_exception(JournalUnavailable("the entry was withdrawn before it was written"))
            return True

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._closing.set()
        self._queue.close()
        self._thread.join()
        if self._checkpoints is not None:
            self._checkpoints.close()

    def _work(self) -> None:
        while batch := self._queue.take():
            self._began_s = time.monotonic()
            self._commit(batch)
            self._began_s = None
        self._transactions.close()

    def _commit(self, batch: Sequence[Entry]) -> None:
        """Write all at once. If that fails, write one by one, so that only the wrong entry fails."""
        try:
            self._write_once_it_can(batch)
        except Superseded as error:
            if not self.last_error:
                _log.error("nothing more is written to the journal: %s", error)
            self.last_error = str(error)
            self._fail(batch, error)
        except OperationalError as error:  # the journal is closed while the database is away: none can be written alone
            _log.error("the journal is closed and %d entries could not be written: %s", len(batch), error.orig)
            self._fail(batch, error)
        except Exception as error:  # noqa: BLE001 -- whatever an entry holds, this thread goes on and the future gets the error
            if len(batch) > 1:
                for entry in batch:
                    self._commit([entry])
                return
            if not batch[0].urgent:  # nobody waits, so nobody else would log it
                _log.error("an entry of the journal could not be written", exc_info=error)
            self._fail(batch, error)
        else:
            for entry in batch:
                if not entry.done.done():  # else it was withdrawn
                    entry.done.set_result(None)
            self._in_hand = frozenset()

    def _fail(self, batch: Sequence[Entry], error: Exception) -> None:
        with self._taking:  # nothing is withdrawn between the look and the answer: this thread would end
            self._in_hand = frozenset()
            for entry in batch:
                if not entry.done.done():  # else it was withdrawn
                    entry.done.set_exception(error)

    def _write_once_it_can(self, batch: Sequence[Entry]) -> None:
        pause_s, last_tries = _FIRST_PAUSE_S, _LAST_TRIES
        while True:
            last_tries -= self._closing.is_set()
            began_s = time.monotonic()
            try:
                taken = self._taken(batch)
                only_lazy = all(entry.lazy for entry in taken)
                self._transactions.write(taken, self.ownership, relaxed=only_lazy)
            except OperationalError as error:  # caused by the database's state, not by the entries
                if not last_tries:
                    raise
                if not self._transactions.in_doubt:
                    self._in_hand = frozenset()
                if self._observer is not None:
                    self._observer.failed()
                if not self.last_error:
                    _log.warning("the journal cannot be written now, retrying: %s", error.orig)
                self.last_error = str(error.orig)
            else:
                if self.last_error:
                    _log.warning("the journal can be written again")
                self.last_error = ""
                self.commits += not only_lazy
                if self._checkpoints is not None:
                    self._checkpoints.committed()
                if self._observer is not None:
                    self._observer.committed(time.monotonic() - began_s, len(batch))
                return
            self._closing.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _taken(self, batch: Sequence[Entry]) -> Sequence[Entry]:
        """The entries that were not withdrawn. From here on none of them can be."""
        with self._taking:
            taken = [entry for entry in batch if not entry.done.done()]
            self._in_hand = frozenset(entry.done for entry in taken)
        return taken


def _linger_s(entry: Entry) -> float:
    """How long others may join this entry."""
    if entry.urgent:
        return 0.0
    return _LAZY_LINGER_S if entry.lazy else _LINGER_S
