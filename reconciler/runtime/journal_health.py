"""Whether the journal can be written: refuses work that could not be recorded, soon and with the reason."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

from reconciler.errors import JournalUnavailable
from reconciler.journal.protocol import HOW_TO_HEAL, RunJournal
from reconciler.runtime.turns import Turns

# A write that takes longer counts as stalled: a disk that is full or blocked, a database that is away. It is the age
# of the transaction, not of one entry, so a busy event loop or a long queue is no stall.
_STALLED_S = 1.0
_LOOK_S = 0.1


class JournalHealth:
    """The health of one shard's journal. Lives on one event loop."""

    def __init__(self, journal: RunJournal, now_s: Callable[[], float], turns: Turns) -> None:
        """Set up. ``now_s`` gives seconds since the epoch; ``turns`` of runs give way once an entry is written."""
        self._journal = journal
        self._turns = turns
        self._now_s = now_s
        self._beat: Future[None] | None = None
        self._sizing: asyncio.Future[int] | None = None

    def require(self) -> None:
        """Return if the journal is not known to be stalled.

        Raises:
            JournalUnavailable: a write has been under way for too long.
        """
        if self._journal.stalled_s > _STALLED_S:
            raise self._unavailable()

    async def probe(self) -> None:
        """Write to the journal and return once that is durable. Probes at the same time share one write.

        Raises:
            JournalUnavailable: it does not become durable in time.
        """
        if self._beat is None or self._beat.done():
            self._beat = self._journal.beat(self._now_s())
        await self.written(self._beat)

    async def written(self, durable: Future[None]) -> None:
        """Return once an entry is on disk.

        Raises:
            JournalUnavailable: the journal is stalled; the entry may yet be written.
            Exception: the entry's own error.
        """
        with self._turns.writing():
            while not await self._written_soon(durable):
                self.require()
        durable.result()

    async def _written_soon(self, durable: Future[None]) -> bool:
        """Whether an entry is on disk, or has failed, before the writer is to be looked at."""
        loop = asyncio.get_running_loop()
        told = loop.create_future()

        def tell_soon(_: Future[None]) -> None:
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(self._tell, told)

        # Not `asyncio.wrap_future` and `asyncio.wait`, with which the answer waits two more rounds of the event loop.
        durable.add_done_callback(tell_soon)
        try:
            async with asyncio.timeout(_LOOK_S):
                await told
        except TimeoutError:
            return False
        return True

    def _tell(self, told: "asyncio.Future[None]") -> None:
        self._turns.give_way()
        if not told.done():
            told.set_result(None)

    async def size_bytes(self) -> int | None:
        """How large the database is; None if it does not answer."""
        if self._sizing is None or self._sizing.done():  # one that is stuck must not hold more threads
            self._sizing = asyncio.ensure_future(asyncio.to_thread(self._journal.size_bytes))
        await asyncio.wait([self._sizing], timeout=_STALLED_S)
        known = self._sizing.done() and not self._sizing.cancelled() and self._sizing.exception() is None
        return self._sizing.result() if known else None

    def _unavailable(self) -> JournalUnavailable:
        why = self._journal.last_error.partition("\n")[0] or "a write does not end"
        return JournalUnavailable(f"the journal cannot be written: {why}", "journal.url", HOW_TO_HEAL)
