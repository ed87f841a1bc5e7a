"""The attempt whose code is running, and the hooks by which its prints and log records find it.

While anything is installed, ``sys.stdout``, ``sys.stderr`` and the module `logging` look for the capture of the current
attempt: a context variable, which asyncio tasks inherit, and which threads and executors started by an agent carry on.
In a process that runs one attempt at a time, `process_wide` stands in where the variable is not set. What belongs to no
attempt goes where it went before.
"""

import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TextIO, cast

from actors.logs.attempt_capture import AttemptCapture
from reconciler.views.logs import LogStream

_current: ContextVar[AttemptCapture | None] = ContextVar("capture", default=None)
_told: ContextVar[AttemptCapture | None] = ContextVar("told", default=None)
# While the handlers of `logging` write a record that was captured as it is.
_muted: ContextVar[bool] = ContextVar("muted", default=False)


@dataclass
class _Process:
    """What is installed in this process.

    ``forked``: it is a child, whose lines nobody would collect. ``replaced``: how often others have replaced a stream
    while hooks were installed.
    """

    wide: AttemptCapture | None = None
    installed: int = 0
    replaced: int = 0
    forked: bool = False


_process = _Process()
_lock = threading.Lock()


def current_capture() -> AttemptCapture | None:
    """The capture of the attempt whose code is running; None outside of attempts."""
    return None if _process.forked else _current.get() or _process.wide


def progress_capture() -> AttemptCapture | None:
    """What takes the progress that the attempt whose code is running tells; None: nobody listens."""
    return current_capture() or (None if _process.forked else _told.get())


def begin_listening(capture: AttemptCapture) -> AttemptCapture | None:
    """Capture the progress that this context tells; what it prints and logs goes where it went before.

    Returns:
        What listened before, for `end_listening`. No context manager: thousands of attempts would keep one.
    """
    before = _told.get()
    _told.set(capture)
    return before


def end_listening(before: AttemptCapture | None) -> None:
    """As it was before `begin_listening`."""
    _told.set(before)


def begin_capturing(capture: AttemptCapture, *, process_wide: bool = False) -> AttemptCapture | None:
    """Capture what this context does; with ``process_wide`` also what threads do that no attempt has started.

    Returns:
        What captured before, for `end_capturing`.
    """
    install()
    capture.since, before = _process.replaced, _current.get()
    _current.set(capture)
    if process_wide:
        _process.wide = capture
    return before


def end_capturing(before: AttemptCapture | None, *, process_wide: bool = False) -> None:
    """As it was before `begin_capturing`."""
    _current.set(before)
    if process_wide:
        _process.wide = None
    uninstall()


@contextmanager
def capturing(capture: AttemptCapture, *, process_wide: bool = False) -> Iterator[None]:
    """See `begin_capturing`."""
    before = begin_capturing(capture, process_wide=process_wide)
    try:
        yield
    finally:
        end_capturing(before, process_wide=process_wide)


def install() -> None:
    """Install the hooks, unless they are. Every call needs one of `uninstall`; a host never calls that."""
    with _lock:
        _process.installed += 1
        # Each time: others (contextlib.redirect_stdout, pytest) may have replaced a stream since. What was captured
        # before goes on to the replacement.
        out, err = isinstance(sys.stdout, CapturedStream), isinstance(sys.stderr, CapturedStream)
        if _process.installed > 1 and not (out and err):
            _process.replaced += 1
        if not out:
            sys.stdout = cast("TextIO", CapturedStream(sys.stdout, LogStream.STDOUT, since=_process.replaced))
        if not err:
            sys.stderr = cast("TextIO", CapturedStream(sys.stderr, LogStream.STDERR, since=_process.replaced))
        if _process.installed > 1:
            return
        logging.Logger.callHandlers = _call_handlers  # type: ignore[method-assign,assignment] # sees records before any handler
        threading.Thread.start = _start  # type: ignore[method-assign,assignment] # threads do not inherit context variables
        ThreadPoolExecutor.submit = _submit  # type: ignore[method-assign,assignment] # nor do the tasks of a pool


def uninstall() -> None:
    """Undo one call of `install`."""
    with _lock:
        _process.installed -= 1
        if _process.installed:
            return
        if isinstance(sys.stdout, CapturedStream):
            sys.stdout = sys.stdout.beneath
        if isinstance(sys.stderr, CapturedStream):
            sys.stderr = sys.stderr.beneath
        logging.Logger.callHandlers = _CALL_HANDLERS  # type: ignore[method-assign]
        threading.Thread.start = _START  # type: ignore[method-assign]
        ThreadPoolExecutor.submit = _SUBMIT  # type: ignore[method-assign]


def belongs_to_the_process(capture: AttemptCapture) -> None:
    """From now on ``capture`` gets what no attempt of this process has printed or logged."""
    capture.since = _process.replaced
    _process.wide = capture


def log_from_info() -> None:
    """Let records of level info through, unless this process has set a level. For processes that only run agents."""
    root = logging.getLogger()
    if root.level == logging.WARNING:
        root.setLevel(logging.INFO)


class CapturedStream(io.TextIOBase):
    """Stands for ``sys.stdout`` or ``sys.stderr``, for captures that began when it was installed or later."""

    def __init__(self, beneath: TextIO, stream: LogStream, *, since: int = 0) -> None:
        self.beneath = beneath
        self._stream = stream
        self._since = since

    def write(self, text: str) -> int:
        """Give the text to the current attempt, or to the stream beneath."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        capture = current_capture()
        if capture is None or capture.since < self._since:
            return self.beneath.write(text)
        if not _muted.get():
            capture.write(self._stream, text)
        return len(text)

    def writable(self) -> bool:
        """Always."""
        return True

    def flush(self) -> None:
        """Flush the stream beneath."""
        self.beneath.flush()

    def fileno(self) -> int:
        """The descriptor of the stream beneath: what is written to it directly belongs to no attempt."""
        return self.beneath.fileno()

    def isatty(self) -> bool:
        """Whether the stream beneath is a terminal."""
        return self.beneath.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override] # read-only here
        """Of the stream beneath."""
        return getattr(self.beneath, "encoding", None) or "utf-8"

    @property
    def buffer(self) -> "CapturedBytes":
        """For what is written as bytes."""
        return CapturedBytes(self, getattr(self.beneath, "buffer", None))


class CapturedBytes(io.RawIOBase):
    """The ``buffer`` of a captured stream."""

    def __init__(self, text: CapturedStream, beneath: Any) -> None:
        self._text = text
        self.beneath = beneath

    def write(self, data: Any) -> int:
        """Give the bytes to the current attempt as text, or to the stream beneath."""
        if current_capture() is None and self.beneath is not None:
            return int(self.beneath.write(data))
        self._text.write(bytes(data).decode(errors="replace"))
        return len(data)

    def writable(self) -> bool:
        """Always."""
        return True


class _Carried:
    """A callable that runs for the attempt that started it, in whatever thread."""

    __slots__ = ("_capture", "_function")

    def __init__(self, capture: AttemptCapture | None, function: Callable[..., Any]) -> None:
        self._capture = capture
        self._function = function

    def __call__(self, *args: Any, **named: Any) -> Any:
        token = _current.set(self._capture)
        try:
            return self._function(*args, **named)
        finally:
            _current.reset(token)


_CALL_HANDLERS = logging.Logger.callHandlers
_START = threading.Thread.start
_SUBMIT = ThreadPoolExecutor.submit


def _call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
    capture = current_capture()
    if capture is None or _muted.get():
        _CALL_HANDLERS(logger, record)
        return
    capture.log(record)
    token = _muted.set(True)  # handlers that print would add the line a second time, without its level
    try:
        _CALL_HANDLERS(logger, record)
    finally:
        _muted.reset(token)


def _start(thread: threading.Thread) -> None:
    capture = _current.get()
    if capture is not None:
        thread.run = _Carried(capture, thread.run)  # type: ignore[method-assign] # of this thread only
    _START(thread)


def _submit(pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
    return _SUBMIT(pool, _Carried(_current.get(), function), *args, **named)


def _after_fork() -> None:
    _process.forked = True


os.register_at_fork(after_in_child=_after_fork)
