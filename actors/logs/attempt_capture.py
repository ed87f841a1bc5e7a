"""The lines of one attempt: bounded, numbered, and waiting to be sent."""

import logging
import time
from collections import deque
from collections.abc import Callable
from json.encoder import encode_basestring_ascii
from math import isnan
from threading import RLock, get_ident
from typing import Any, NamedTuple

from actors.logs.limits import LINE_OVERHEAD_BYTES, LogLimits
from actors.logs.ring import Ring
from planners.model import AttemptId
from reconciler.state.stored_text import storable
from reconciler.views.logs import CapturedLine, LogBatch, LogLevel, LogStream, lines_in

LEVEL_OF_STREAM = {LogStream.STDOUT: LogLevel.INFO, LogStream.STDERR: LogLevel.WARNING}


# These stand for one that has nothing in it: an empty deque takes 700 bytes, and most attempts print nothing.
_NOTHING: deque[Any] = deque(maxlen=0)
_NO_PARTS: dict[tuple[LogStream, int], str] = {}
# Of all attempts of a process: it is held for microseconds. Reentrant, since garbage that is collected while a line is
# added may print in its __del__.
_LOCK = RLock()


class _Pending(NamedTuple):
    """A line that has not arrived yet: its JSON, and where it ends in the ring."""

    text: str
    ring_end: int


class AttemptCapture:
    """Collects what one attempt prints and logs. Thread-safe.

    Lines stay here until they have arrived (`arrived`), so that whatever is sent twice has the same numbers. A line is
    cut, and dropped lines are counted, as `LogLimits` says.
    """

    __slots__ = (
        *("_dropped", "_filled_at_s", "_first", "_last", "_last_bytes", "_left_bytes", "_limits", "_masked", "_now_s"),
        *("_on_line", "_partial", "_pending", "_resume_bytes", "_ring", "_tokens", "attempt", "closed", "since"),
    )

    def __init__(  # noqa: PLR0913 - keywords with defaults
        self,
        attempt: AttemptId,
        limits: LogLimits,
        *,
        ring: Ring | None = None,
        on_line: Callable[["AttemptCapture"], None] | None = None,
        masked: Callable[[str], str] | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Set up.

        Args:
            attempt: whose lines these are.
            limits: how much is kept.
            ring: keeps a copy that outlives this process.
            on_line: called, in any thread, when a line was added.
            masked: replaces secrets in a text.
            now_s: seconds since the epoch.
        """
        self.attempt = attempt
        self.closed = False
        self.since = 0  # which replacement of the process's streams it began after (`actors.logs.current`)
        self._limits = limits
        self._ring = ring
        self._on_line = on_line
        self._masked = masked
        self._now_s = now_s
        self._pending: deque[_Pending] = _NOTHING
        self._first = 1  # the number of the first pending line
        self._partial = _NO_PARTS
        self._left_bytes = limits.attempt_bytes
        self._tokens: float = limits.burst_bytes
        self._resume_bytes = min(limits.bytes_per_s, limits.burst_bytes)
        self._filled_at_s = 0.0
        self._dropped = 0
        self._last: deque[str] = _NOTHING
        self._last_bytes = 0

    # ---- what the attempt does

    def write(self, stream: LogStream, text: str) -> None:
        """Text that was written to stdout or stderr; a line is added once it is whole."""
        key, level = (stream, get_ident()), LEVEL_OF_STREAM[stream]
        before = self._partial.pop(key, "")
        if text == "\n":  # `print` writes it by itself
            self.add(level, stream, "", _seen(before))
            return
        *whole, rest = (before + text).split("\n")
        for line in whole:
            self.add(level, stream, "", _seen(line))
        rest = rest if rest.endswith("\r") else rest.rpartition("\r")[2]
        if len(rest) > self._limits.line_chars:
            self.add(level, stream, "", _seen(rest))
        elif rest:
            self._parts()[key] = rest

    def _parts(self) -> dict[tuple[LogStream, int], str]:
        with _LOCK:
            if self._partial is _NO_PARTS:
                self._partial = {}
            return self._partial

    def log(self, record: logging.LogRecord) -> None:
        """A record of the module `logging`."""
        try:
            text = record.getMessage()
            if record.exc_info:
                text = f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
        except Exception as error:  # noqa: BLE001 - formats a user's objects; a bad one must not end the attempt
            text = f"{record.msg!r} cannot be formatted: {type(error).__name__}"
        self.add(_level_of(record.levelno), LogStream.LOGGING, record.name, text)

    def progress(self, message: str, done: float | None) -> None:
        """What the agent tells of its progress; ``done`` is the share that is done, if it is known."""
        share = None if done is None or isnan(done) else min(1.0, max(0.0, done))
        self.add(LogLevel.INFO, LogStream.PROGRESS, "", message, share)

    def artefact(self, name: str, content: str) -> None:
        """A result that the agent shows before its end. Its size is the caller's to bound."""
        self.add(LogLevel.INFO, LogStream.ARTEFACT, name, content)

    def add(self, level: LogLevel, stream: LogStream, logger: str, text: str, done: float | None = None) -> None:
        """Add a line, as far as the limits allow."""
        limits, at_s = self._limits, self._now_s()
        if self._masked is not None:
            text = self._masked(text)
        if len(text) > limits.line_chars and stream is not LogStream.ARTEFACT:
            text = f"{text[: limits.line_chars]}... ({len(text) - limits.line_chars} characters cut)"
        size = len(text) + LINE_OVERHEAD_BYTES
        with _LOCK:
            self._tokens += max(0.0, at_s - self._filled_at_s) * limits.bytes_per_s
            self._tokens = min(self._tokens, float(limits.burst_bytes))
            self._filled_at_s = at_s
            line = _encoded(at_s, level, stream, logger, text, done)
            # Once lines are dropped, some time must pass: single lines between notes would tell nobody anything.
            needed = max(size, self._resume_bytes) if self._dropped else size
            if needed > self._tokens or size > self._left_bytes or not self._append(line):
                self._drop(line)
                return
            self._tokens -= size
            self._left_bytes -= size
        if self._on_line is not None:
            self._on_line(self)

    # ---- what its host does

    def batch(self, after: int = 0) -> LogBatch | None:
        """The lines that have not arrived and whose number is higher than ``after``; None if there is none."""
        with _LOCK:
            skipped = max(0, after + 1 - self._first)
            texts = [line.text for line in self._pending][skipped:]
            if not texts:
                return None
            return LogBatch(self.attempt, self._first + skipped, len(texts), f"[{','.join(texts)}]")

    def arrived(self, number: int) -> None:
        """All lines up to this number have arrived."""
        with _LOCK:
            while self._pending and self._first <= number:
                self._pending.popleft()
                self._first += 1

    def close(self) -> LogBatch | None:
        """The attempt has ended: everything that has not arrived, with the last of what was dropped."""
        with _LOCK:
            if not (self._partial or self._pending or self._dropped):
                self.closed = True
                return None
            for stream, thread in list(self._partial):
                self.add(LEVEL_OF_STREAM[stream], stream, "", self._partial.pop((stream, thread)))
            self._forget_released()
            kept = list(self._last)
            self._pending = self._pending or deque()
            if self._dropped > len(kept):
                self._pending.append(_Pending(self._note(self._dropped - len(kept)), 0))
            self._pending += [_Pending(line, 0) for line in kept]
            self._forget_dropped()
            self.closed = True
            return self.batch()

    def lost(self, stream: LogStream, size: int) -> None:
        """So many bytes of a stream were not even read."""
        text = f"{size} bytes of {stream} were dropped here: more was written than is kept (settings: logs)"
        self.add(LogLevel.WARNING, LogStream.FORERUN, "", text)

    def last_lines(self, most: int = 20) -> list[CapturedLine]:
        """The last lines, also of those that were dropped and of those that are not whole."""
        with _LOCK:
            partial = [
                _encoded(self._now_s(), LEVEL_OF_STREAM[stream], stream, "", text)
                for (stream, _), text in self._partial.items()
            ]
            texts = [*(line.text for line in self._pending), *self._last, *partial][-most:]
        return list(lines_in(f"[{','.join(texts)}]"))

    def _forget_released(self) -> None:
        """Forget the lines that a reader of the ring has fetched."""
        released = 0 if self._ring is None else self._ring.released()
        while self._pending and 0 < self._pending[0].ring_end <= released:
            self._pending.popleft()
            self._first += 1

    def _append(self, line: str) -> bool:
        if self._dropped:
            if not self._push(self._note(self._dropped)):
                return False
            self._forget_dropped()
        return self._push(line)

    def _push(self, line: str) -> bool:
        ring_end = 0
        if self._ring is not None:
            ring_end = self._ring.append(f"{self._first + len(self._pending)} {self.attempt} {line}\n".encode())
            if not ring_end:
                return False
        self._pending = self._pending or deque()
        self._pending.append(_Pending(line, ring_end))
        return True

    def _drop(self, line: str) -> None:
        self._dropped += 1
        self._last = self._last or deque()
        self._last.append(line)
        self._last_bytes += len(line)
        while len(self._last) > self._limits.last_lines or self._last_bytes > self._limits.last_bytes:
            self._last_bytes -= len(self._last.popleft())
        if self._ring is not None and self._ring.keeps_last:
            self._ring.keep_last(f"{self._dropped} {self.attempt} {line}\n".encode())

    def _note(self, dropped: int) -> str:
        limits = self._limits
        text = (
            f"{dropped} lines were dropped here: an attempt may log {limits.burst_bytes} bytes at once, "
            f"{limits.bytes_per_s} bytes/s and {limits.attempt_bytes} bytes in all (settings: logs)"
        )
        return _encoded(self._now_s(), LogLevel.WARNING, LogStream.FORERUN, "", text)

    def _forget_dropped(self) -> None:
        self._dropped = self._last_bytes = 0
        self._last.clear()
        if self._ring is not None:
            self._ring.clear_last()


def _seen(line: str) -> str:
    """A line as a terminal shows it in the end: a progress bar draws over its line."""
    return line.removesuffix("\r").rpartition("\r")[2] if "\r" in line else line


def _encoded(  # noqa: PLR0913, PLR0917 - the fields of a CapturedLine, which takes longer to make than its JSON
    at_s: float, level: LogLevel, stream: LogStream, logger: str, text: str, done: float | None = None
) -> str:
    """The JSON of a line. A third of the time of `json.dumps`."""
    if not text.isascii():
        text = storable(text)
    name = encode_basestring_ascii(logger) if logger else '""'
    share = "" if done is None else f",{done:.6g}"
    return f"[{at_s:.6f},{_NAMES[level, stream]},{name},{encode_basestring_ascii(text)}{share}]"


_NAMES = {(level, stream): f'"{level}","{stream}"' for level in LogLevel for stream in LogStream}


def _level_of(number: int) -> LogLevel:
    if number >= logging.WARNING:
        if number >= logging.CRITICAL:
            return LogLevel.CRITICAL
        return LogLevel.ERROR if number >= logging.ERROR else LogLevel.WARNING
    return LogLevel.INFO if number >= logging.INFO else LogLevel.DEBUG
