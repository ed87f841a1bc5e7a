"""What the attempts of one live run print and log: numbered, and stored with the next commit of the journal."""

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from planners.model import StepId, TaskId
from reconciler.journal.log_rows import LogReader, StepOf
from reconciler.journal.protocol import RunJournal
from reconciler.views.logs import CapturedLine, LogBatch, LogLevel, LogPage, LogQuery, LogStream, batch_of


class TaskLog:
    """What the attempts of a run print and log. Lives on one event loop; the journal is read in threads."""

    def __init__(self, task: TaskId, journal: RunJournal, last_seq: int = 0) -> None:
        """Set up; ``last_seq`` is the number of the last line that was stored before a restart."""
        self._task = task
        self._journal = journal
        self._last_seq = last_seq
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._readers = 0
        self._ended = False
        self._lost = 0

    def write(self, step: StepId, batch: LogBatch) -> None:
        """Store lines of an attempt. Does not block; lines that the journal cannot take are counted as dropped."""
        if self._lost:
            lost, self._lost = self._lost, 0
            self._append(step, _note(batch, lost), lost)
        self._append(step, batch, batch.length)

    def _append(self, step: StepId, batch: LogBatch, stands_for: int) -> None:
        self._last_seq += batch.length
        stored = self._journal.append_logs(self._task, step, batch, self._last_seq)
        stored.add_done_callback(partial(self._stored, stands_for))

    async def page(self, query: LogQuery, step_of: StepOf, wait_s: float) -> LogPage:
        """The lines of a query; waits up to ``wait_s`` for the first."""
        reader = LogReader(self._journal, self._task, step_of)
        self._loop = asyncio.get_running_loop()
        self._readers += 1
        try:
            news = self._news
            page = await asyncio.to_thread(reader.page, query, ended=False)
            if page.lines or page.next_after > query.after or wait_s <= 0 or self._ended:
                return page
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), wait_s)
        finally:
            self._readers -= 1
        return await asyncio.to_thread(reader.page, query, ended=False)

    def end(self) -> None:
        """The run has ended: wake those who wait for lines."""
        self._ended = True
        self._announce()

    def _stored(self, lines: int, stored: Future[None]) -> None:
        """Called in the journal's thread. Almost always nobody reads the log."""
        if stored.exception() is not None:
            self._lost += lines
        if self._readers and self._loop is not None:
            with suppress(RuntimeError):  # the event loop is closed
                self._loop.call_soon_threadsafe(self._announce)

    def _announce(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _note(before: LogBatch, lost: int) -> LogBatch:
    """The line that says how many were not stored."""
    text = f"{lost} lines were dropped here: the journal could not be written"
    line = CapturedLine(before.lines()[0].at_s, LogLevel.WARNING, LogStream.FORERUN, "", text)
    return batch_of(before.attempt, before.first, [line])
