"""Records what the attempts of a run tell of their progress, at a bounded rate."""

import asyncio

from planners.model import AttemptId
from reconciler.journal.run_log import RunLog
from reconciler.runtime.run_clock import RunClock
from reconciler.state.run import RunState
from reconciler.views.logs import CapturedLine, LogBatch, LogStream
from reconciler.views.progress import NOTICE, fact_of

# How lines of progress and artefacts look in a batch, which nobody else on the way parses.
_MARKS = (f'"{LogStream.PROGRESS}"', f'"{LogStream.ARTEFACT}"', f'"{LogStream.FORERUN}","{NOTICE}"')
_LEAST_S = 0.5
_FACTS_PER_S = 100
# Of long runs less is recorded, for their facts stay in memory.
_SHARE_OF_RUN = 0.001


class ProgressReports:
    """The latest line of progress of each attempt becomes a fact of the run, and so does every artefact.

    What is noticed about an agent becomes one the first time. Of notices that differ in details only, one does.

    Facts are recorded together, after a pause since the last ones; of two lines that come between only the second is.
    Lives on the event loop of the run.
    """

    def __init__(self, run: RunState, log: RunLog, clock: RunClock) -> None:
        self._run = run
        self._log = log
        self._clock = clock
        self._latest: dict[AttemptId, CapturedLine] = {}
        self._shown: list[tuple[AttemptId, CapturedLine]] = []
        self._noticed: set[str] = set()
        self._next_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def take(self, batch: LogBatch) -> None:
        """Lines of an attempt; they are recorded now or soon."""
        if not any(mark in batch.text for mark in _MARKS):
            return
        for line in batch.lines():
            if line.stream is LogStream.PROGRESS:
                self._latest[batch.attempt] = line
            elif line.stream is LogStream.ARTEFACT or self._is_news(line):
                self._shown.append((batch.attempt, line))
        if self._timer is None and (self._latest or self._shown):
            wait_s = self._next_s - self._clock.now_s
            if wait_s <= 0:
                self.record()
            else:
                self._timer = asyncio.get_running_loop().call_later(wait_s, self.record)

    def _is_news(self, line: CapturedLine) -> bool:
        if (line.stream, line.logger) != (LogStream.FORERUN, NOTICE):
            return False
        told = line.text.partition("(")[0]
        if told in self._noticed:
            return False
        self._noticed.add(told)
        return True

    def record(self) -> None:
        """Record what has come since the last time."""
        self.close()
        lines = [*self._shown, *self._latest.items()]
        if not lines:
            return
        now_s = self._clock.now_s
        self._next_s = now_s + max(_LEAST_S, len(lines) / _FACTS_PER_S, _SHARE_OF_RUN * now_s)
        facts = [fact_of(attempt, self._run.attempts[attempt].step.id, line) for attempt, line in lines]
        self._shown.clear()
        self._latest.clear()
        self._log.progressed(now_s, facts)

    def close(self) -> None:
        """Record nothing more by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
