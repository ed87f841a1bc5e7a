"""What a process writes to its descriptors 1 and 2 without Python: C libraries, subprocesses, the report of a crash.

Both are redirected to files. They hold only what nobody has read yet, so they stay small, and they outlive the process.
"""

import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from actors.logs.attempt_capture import AttemptCapture
from reconciler.views.logs import LogStream

_POLL_S = 0.2
# Of what has been written since the last reading, at most so much is read: the end.
MOST_BYTES = 1 << 16
_STREAMS = ((1, LogStream.STDOUT), (2, LogStream.STDERR))


@dataclass(eq=False, slots=True)
class _Redirected:
    descriptor: int
    stream: LogStream
    file: int
    saved: int = -1


class RawOutput:
    """Redirects both descriptors while an attempt runs. For processes that run one attempt at a time."""

    def __init__(self, stem: Path) -> None:
        """Create the files. Raises OSError if that is not possible. ``stem``: their path without suffix."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC
        self._redirected = [
            _Redirected(number, stream, os.open(stem.with_suffix(f".{stream}"), flags, 0o600))
            for number, stream in _STREAMS
        ]
        self._capture: AttemptCapture | None = None
        self._runs = threading.Event()  # an attempt does; between attempts nobody looks
        self._lock = threading.Lock()
        threading.Thread(target=self._poll, daemon=True, name="forerun-raw-output").start()

    def begin(self, capture: AttemptCapture) -> None:
        """From now on everything belongs to this attempt."""
        _flush()
        for one in self._redirected:
            one.saved = os.dup(one.descriptor)
            os.dup2(one.file, one.descriptor)
        self._capture = capture
        self._runs.set()

    def end(self) -> None:
        """Read the rest, and restore the descriptors."""
        _flush()
        self._read()
        self._runs.clear()
        self._capture = None
        for one in self._redirected:
            os.dup2(one.saved, one.descriptor)
            os.close(one.saved)

    def _poll(self) -> None:
        while True:
            time.sleep(_POLL_S)
            self._runs.wait()
            self._read()

    def _read(self) -> None:
        with self._lock:
            capture = self._capture
            for one in self._redirected if capture is not None else ():
                size = os.fstat(one.file).st_size
                if not size:
                    continue
                begin = max(0, size - MOST_BYTES)
                data = os.pread(one.file, MOST_BYTES, begin)
                os.ftruncate(one.file, 0)
                if capture is not None:
                    if begin:
                        capture.lost(one.stream, begin)
                    capture.write(one.stream, data.decode(errors="replace"))


def unread(stem: Path) -> list[tuple[LogStream, str]]:
    """What a process that is gone has written last and nobody has read: (stream, line)."""
    lines: list[tuple[LogStream, str]] = []
    for _, stream in _STREAMS:
        with suppress(OSError), stem.with_suffix(f".{stream}").open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MOST_BYTES))
            lines += [(stream, line) for line in file.read().decode(errors="replace").splitlines()]
    return lines


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # an agent may have closed it
            stream.flush()
