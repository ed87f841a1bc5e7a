"""What an executor knows of the lines that a live attempt has printed and logged."""

import logging
from collections import deque
from collections.abc import Collection

from planners.model import NodeId
from reconciler.state.evidence import FailureEvidence
from reconciler.state.handoff import Failure
from reconciler.views.logs import CapturedLine, LogBatch, LogStream

_ALL = frozenset(LogStream)
# Lines that are kept for the failure of an attempt.
_KEPT = 100
_MOST_STDERR = 1_800


_LEVELS = logging.getLevelNamesMapping()
_host_log = logging.getLogger("actors.host")


def log_host_lines(node: NodeId, batch: LogBatch) -> None:
    """Log what was printed in the host of a node by no attempt, or by one that cannot be told, as the service's own."""
    for line in batch.lines():
        origin = line.logger or f"{line.stream}, of no attempt"
        about = {"node": node[:12], "process_name": "host"}
        _host_log.log(_LEVELS[line.level.upper()], "%s: %s", origin, line.text, extra=about)


class AttemptOutput:
    """Which lines of one attempt have arrived, and the last of them."""

    __slots__ = ("_arrived", "_kept", "_last")

    def __init__(self) -> None:
        self._arrived = 0
        self._last: deque[LogBatch] | None = None  # an empty one takes 700 bytes, and most attempts print nothing
        self._kept = 0

    def restart(self) -> None:
        """The attempt runs again in another process, where its lines are numbered from 1 again."""
        self._arrived = 0

    def news(self, batch: LogBatch) -> LogBatch | None:
        """The part of a batch that has not arrived yet, which counts as arrived from now on."""
        new = batch.after(self._arrived)
        if new is not None:
            self._arrived = new.first + new.length - 1
            self._last = self._last or deque()
            self._last.append(new)
            self._kept += new.length
            while self._kept - self._last[0].length >= _KEPT:
                self._kept -= self._last.popleft().length
        return new

    def last_lines(self, most: int = 20, streams: Collection[LogStream] = _ALL) -> list[CapturedLine]:
        """The last lines of these streams that have arrived, among the last hundred or so."""
        lines = [line for batch in self._last or () for line in batch.lines() if line.stream in streams]
        return lines[-most:] if most > 0 else []

    def add_to(self, failure: Failure) -> Failure:
        """The failure with the last lines of stderr as evidence, unless it has some."""
        evidence = failure.evidence or FailureEvidence()
        if evidence.stderr:
            return failure
        lines = self.last_lines(streams=frozenset({LogStream.STDERR}))
        stderr = "\n".join(line.text for line in lines)[-_MOST_STDERR:]
        return (
            failure.model_copy(update={"evidence": evidence.model_copy(update={"stderr": stderr})})
            if stderr
            else failure
        )
