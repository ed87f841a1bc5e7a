"""Stored log lines, and bounded pages of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from planners.model import AttemptId, StepId, TaskId
from reconciler.views.logs import LogLine, LogPage, LogQuery, lines_in

# Batches read at a time, and the bytes after which a page ends even if few of its lines matched.
_ROWS = 64
_PAGE_BYTES = 4_000_000


class LogRow(NamedTuple):
    """Consecutive lines of one attempt; ``last_seq`` is the number of the last one within the task."""

    last_seq: int
    length: int
    attempt: AttemptId
    step: StepId
    text: str


# The step that an attempt serves now; it may have changed since its lines were stored.
StepOf = Callable[[AttemptId], StepId | None]


class StoredLogs(Protocol):
    """Where rows are read; a journal."""

    def log_rows(self, task: TaskId, after: int, most: int) -> Sequence[LogRow]:
        """The first rows that hold lines after a sequence number, in order."""
        ...

    def newest_log_rows(self, task: TaskId, before: int, most: int) -> Sequence[LogRow]:
        """The rows that end before a sequence number, newest first."""
        ...

    def last_log_seq(self, task: TaskId) -> int:
        """The number of the last line; 0 if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class LogReader:
    """Reads the log of one task. Blocks."""

    stored: StoredLogs
    task: TaskId
    step_of: StepOf

    def page(self, query: LogQuery, *, ended: bool) -> LogPage:
        """The lines of a query. ``ended``: no line is stored any more."""
        return self._last(query, ended=ended) if query.tail else self._first(query, ended=ended)

    def _first(self, query: LogQuery, *, ended: bool) -> LogPage:
        lines: list[LogLine] = []
        after, size = query.after, 0
        while size < _PAGE_BYTES:
            rows = self.stored.log_rows(self.task, after, _ROWS)
            for row in rows:
                for line in self._matching(row, query):
                    if len(lines) == query.limit:
                        return LogPage(lines=tuple(lines), next_after=lines[-1].seq, ended=False)
                    lines.append(line)
                after = row.last_seq
                size += len(row.text)
            if len(rows) < _ROWS:
                return LogPage(lines=tuple(lines), next_after=after, ended=ended)
        return LogPage(lines=tuple(lines), next_after=after, ended=False)

    def _last(self, query: LogQuery, *, ended: bool) -> LogPage:
        """The last lines, as far as they are among a bounded number of bytes."""
        last_seq = self.stored.last_log_seq(self.task)
        newest: list[LogLine] = []
        before, size = last_seq + 1, 0
        while size < _PAGE_BYTES and len(newest) < query.limit:
            rows = self.stored.newest_log_rows(self.task, before, _ROWS)
            for row in rows:
                newest += reversed(list(self._matching(row, query)))
                before = row.last_seq
                size += len(row.text)
            if len(rows) < _ROWS:
                break
        return LogPage(lines=tuple(reversed(newest[: query.limit])), next_after=max(last_seq, query.after), ended=ended)

    def _matching(self, row: LogRow, query: LogQuery) -> Iterator[LogLine]:
        step = self.step_of(row.attempt) or row.step
        if not query.holds(row.attempt, step):
            return
        for seq, line in enumerate(lines_in(row.text), row.last_seq - row.length + 1):
            if seq > query.after and query.holds_level(line.level):
                yield LogLine(
                    seq=seq,
                    task=self.task,
                    step=step,
                    attempt=row.attempt,
                    logged_at_s=line.at_s,
                    level=line.level,
                    stream=line.stream,
                    logger=line.logger,
                    text=line.text,
                    done=line.done,
                )
