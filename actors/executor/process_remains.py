"""What a process leaves for those who ask why it ended or hung: the stacks of its threads, in a file on its node.

``faulthandler`` writes them without Python's help, so also while code in C holds the interpreter, and in a crash.
"""

import faulthandler
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from actors.executor.containment import remove_stale_marks
from actors.stacks import stack_of

_PREFIX = "forerun-stack-"
_MOST_BYTES = 64_000
_VMSTAT = Path("/proc/vmstat")
# The file of Forerun that every attempt runs in: which of the stacks is the attempt's.
_HOST_CODE = "containment.py"
_WORKER_CODE = "execution.py"


@dataclass(frozen=True, slots=True)
class ProcessRemains:
    """What is left of a process.

    ``stack`` is the one of the thread that ran the attempt. ``fatal`` is what ``faulthandler`` says of a crash.
    ``oom_killed``: the kernel has ended a process of this machine for memory within the last seconds.
    """

    stack: str = ""
    fatal: str = ""
    oom_killed: bool = False


class StackFile:
    """The file of this process. ``faulthandler`` writes there in a crash, and when `watch` was not renewed in time."""

    def __init__(self) -> None:
        self.path = Path(tempfile.gettempdir()) / f"{_PREFIX}{os.getpid()}"
        self._file = self.path.open("wb", buffering=0)
        faulthandler.enable(self._file, all_threads=False)

    def watch(self, after_s: float | None) -> None:
        """Write the stacks unless this is called again within ``after_s`` seconds; None: do not watch any more."""
        faulthandler.cancel_dump_traceback_later()
        if self._file.tell():
            self._file.seek(0)
            self._file.truncate()
        if after_s is not None:
            faulthandler.dump_traceback_later(after_s, file=self._file)


@cache
def stack_file() -> StackFile | None:
    """The file of this process; None if it cannot be created."""
    try:
        return StackFile()
    except OSError:
        return None


def watch(after_s: float | None) -> str:
    """As `StackFile.watch`; returns the path of the file, empty if there is none."""
    if (file := stack_file()) is None:
        return ""
    file.watch(after_s)
    return str(file.path)


def remains_of(path: str, oom_kills_before: int) -> ProcessRemains:
    """Read and remove the file of a process of this node that ended.

    Args:
        path: of its file.
        oom_kills_before: `oom_kills` before its end.
    """
    text = ""
    with suppress(OSError):
        if Path(path).name.startswith(_PREFIX):
            text = Path(path).read_bytes()[-_MOST_BYTES:].decode(errors="replace")
            Path(path).unlink()
    fatal = next((line for line in text.splitlines() if line.startswith("Fatal Python error")), "")
    code = _HOST_CODE if _HOST_CODE in text else _WORKER_CODE
    return ProcessRemains(stack_of(text, code), fatal.partition(": ")[2], oom_kills() > oom_kills_before)


def oom_kills() -> int:
    """How many processes the kernel of this machine has ended for memory; 0 where it does not say."""
    with suppress(OSError, ValueError):
        for line in _VMSTAT.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def remove_stale_stacks() -> None:
    """Remove the files of processes that ended a while ago."""
    remove_stale_marks(Path(tempfile.gettempdir()), _PREFIX)
