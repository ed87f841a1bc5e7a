"""What a process leaves for those who ask why it ended or hung: the stacks of its threads, in a file on its node.

``faulthandler`` writes them without Python's help, so also while code in C holds the interpreter, and in a crash. The
exit code is there, too, if the process ended itself by ``os._exit``: only its parent, Ray, learns it otherwise.
"""

import faulthandler
import os
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from actors.executor.containment import remove_stale_marks
from actors.stacks import stack_of

_PREFIX = "forerun-stack-"
_NAME_PREFIX = f"{_PREFIX}of-"
_MOST_BYTES = 64_000
# When stacks are written, as a share of an attempt's limit: before its process is killed, and not much before.
_LATEST, _EARLIEST = 0.95, 0.85
_EXITED = "Forerun: exit code "
# The signals that `faulthandler` tells of, by its names for them.
_SIGNALS = {
    "Segmentation fault": signal.SIGSEGV,
    "Floating point exception": signal.SIGFPE,
    "Floating-point exception": signal.SIGFPE,
    "Aborted": signal.SIGABRT,
    "Bus error": signal.SIGBUS,
    "Illegal instruction": signal.SIGILL,
}
_VMSTAT = Path("/proc/vmstat")
# The file of Forerun that every attempt runs in: which of the stacks is the attempt's.
_HOST_CODE = "containment.py"
_WORKER_CODE = "execution.py"


@dataclass(frozen=True, slots=True)
class ProcessRemains:
    """What is left of a process.

    ``stack`` is the one of the thread that ran the attempt. ``fatal`` is what ``faulthandler`` says of a crash.
    ``exit_code``: 128 and the number of the signal if one ended it; None where it is not known.
    ``oom_killed``: the kernel has ended a process of this machine for memory within the last seconds.
    """

    stack: str = ""
    fatal: str = ""
    oom_killed: bool = False
    exit_code: int | None = None


class StackFile:
    """The file of this process. ``faulthandler`` writes there in a crash, and when `watch` was not renewed in time."""

    def __init__(self) -> None:
        self.path = Path(tempfile.gettempdir()) / f"{_PREFIX}{os.getpid()}"
        self._file = self.path.open("wb", buffering=0)
        self._link: Path | None = None
        self._watched: tuple[float | None, float] = (None, 0.0)
        faulthandler.enable(self._file, all_threads=False)
        self._tell_exit()

    def watch(self, after_s: float | None, attempt: str = "") -> None:
        """Write the stacks unless this is called again within ``after_s`` seconds; None: do not watch any more.

        ``attempt``: the one that runs here alone. Until the next call its `name_of` leads to the file as well, because
        the process may end before its caller has received the path.
        """
        self._watch(after_s)
        with suppress(OSError):
            if self._link is not None:
                self._link.unlink(missing_ok=True)
            self._link = self.path.with_name(name_of(attempt)) if attempt else None
            if self._link is not None:
                self._link.symlink_to(self.path)

    def watch_next(self, limit_s: float | None) -> None:
        """Write the stacks of the next of many short attempts when its time is almost up; None: it has no limit.

        Each timer is a thread. So the last one stays unless it would write much too early for this attempt.
        """
        after_s, since_s = limit_s and _LATEST * limit_s, time.monotonic() - self._watched[1]
        if after_s != self._watched[0] or (limit_s is not None and since_s > (_LATEST - _EARLIEST) * limit_s):
            self._watch(after_s)
        else:
            self._clear()

    def _watch(self, after_s: float | None) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._clear()
        if after_s is not None:
            faulthandler.dump_traceback_later(after_s, file=self._file)
        self._watched = after_s, time.monotonic()

    def _clear(self) -> None:
        if self._file.tell():
            self._file.seek(0)
            self._file.truncate()

    def _tell_exit(self) -> None:
        """Write the code that ``os._exit`` is called with; children of this process are others."""
        exit_at_once, pid, file = os._exit, os.getpid(), self._file

        def told(status: int) -> NoReturn:
            if os.getpid() == pid:
                with suppress(OSError, ValueError):
                    file.write(f"{_EXITED}{status}\n".encode())
            exit_at_once(status)

        os._exit = told


@cache
def stack_file() -> StackFile | None:
    """The file of this process; None if it cannot be created."""
    try:
        return StackFile()
    except OSError:
        return None


def name_of(attempt: str) -> str:
    """The name by which the file of an attempt's process is found on its node."""
    return f"{_NAME_PREFIX}{quote(attempt, safe='')}"


def watch(after_s: float | None, attempt: str = "") -> str:
    """As `StackFile.watch`; returns the path of the file, empty if there is none."""
    if (file := stack_file()) is None:
        return ""
    file.watch(after_s, attempt)
    return str(file.path)


def watch_next(limit_s: float | None) -> None:
    """As `StackFile.watch_next`."""
    if (file := stack_file()) is not None:
        file.watch_next(limit_s)


def remains_of(path: str, oom_kills_before: int) -> ProcessRemains:
    """Read and remove the file of a process of this node that ended.

    Args:
        path: of its file, or `name_of` its attempt.
        oom_kills_before: `oom_kills` before its end.
    """
    text = ""
    with suppress(OSError):
        link = Path(tempfile.gettempdir(), path)  # a path that is absolute stays as it is
        file = link.resolve()
        if file.name.startswith(_PREFIX):
            text = file.read_bytes()[-_MOST_BYTES:].decode(errors="replace")
            file.unlink()
            link.unlink(missing_ok=True)
    fatal = next((line for line in text.splitlines() if line.startswith("Fatal Python error")), "")
    code = _HOST_CODE if _HOST_CODE in text else _WORKER_CODE
    died_of = fatal.partition(": ")[2]
    exit_code = _exit_code(text, died_of)
    # The kernel counts for the whole machine. A process that tells how it ended was not the one that it has killed.
    oom_killed = exit_code is None and not died_of and oom_kills() > oom_kills_before
    stack = stack_of(text.partition(_EXITED)[0], code)
    return ProcessRemains(stack, died_of, oom_killed, exit_code)


def _exit_code(text: str, fatal: str) -> int | None:
    if (number := _SIGNALS.get(fatal)) is not None:
        return 128 + number
    _, found, code = text.rpartition(_EXITED)
    return int(code.split()[0]) % 256 if found else None


def oom_kills() -> int:
    """How many processes the kernel of this machine has ended for memory; 0 where it does not say."""
    with suppress(OSError, ValueError):
        for line in _VMSTAT.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def remove_stale_stacks() -> None:
    """Remove the files of processes that ended a while ago."""
    folder = Path(tempfile.gettempdir())
    remove_stale_marks(folder, _PREFIX)
    for link in folder.glob(f"{_NAME_PREFIX}*"):
        with suppress(OSError):
            if not link.exists():
                link.unlink()
