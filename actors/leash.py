"""Runs a command as a process group of its own and kills the whole group when the one who asked for it dies.

``python -I -S leash.py FD ARGV...``: FD is the reading end of a pipe whose other end only the asking process holds, so
it reads end-of-file the moment that process is gone, kill -9 included. Knows nothing of Forerun: it starts in 20 ms.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

_NOT_FOUND = 127


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _watch(fd: int, group: int) -> None:
    os.read(fd, 1)
    _end(group)
    os._exit(1)


def main(fd: int, argv: list[str]) -> int:
    """Run ``argv``; its exit code, or 128 + signal."""
    try:
        child = subprocess.Popen(argv, process_group=0)  # noqa: S603 - that is what a leash is for
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        return _NOT_FOUND
    threading.Thread(target=_watch, args=(fd, child.pid), daemon=True).start()
    code = child.wait()
    _end(child.pid)  # whatever it left running in the background
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
