"""Runs a command whose whole process group dies with the process that started it.

``python -I -S process_guard.py FD ARGV...``: FD is the reading end of a pipe. Only the calling process holds the
writing end, so the guard reads end-of-file as soon as that process is gone, kill -9 included. It imports nothing of
Forerun and starts in 15 ms.

There are three processes: this one waits for the command; the guard, leader of the command's process group, waits for
end-of-file; the command runs in that group. The guard is not a child of the calling process, because Ray kills the
children of a worker that it kills.
"""

import contextlib
import os
import signal
import sys

_NOT_FOUND = 127


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _guard(fd: int) -> int:
    """Fork the guard; its process id is that of the group. It keeps none of the command's streams open."""
    ready, signalled = os.pipe()
    guard = os.fork()
    if guard == 0:
        os.setpgid(0, 0)
        for stream in (0, 1, 2, ready, signalled):
            os.close(stream)
        os.read(fd, 1)
        _kill(os.getpid())
    os.close(signalled)
    os.read(ready, 1)  # returns once the guard has created its group
    return guard


def main(fd: int, argv: list[str]) -> int:
    """Run ``argv`` and return its exit code, or 128 + the signal that ended it."""
    os.set_inheritable(fd, False)
    group = _guard(fd)
    ignored_by_python = [signal.SIGPIPE, signal.SIGXFSZ]
    try:
        command = os.posix_spawnp(argv[0], argv, os.environ, setpgroup=group, setsigdef=ignored_by_python)
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        return _NOT_FOUND
    else:
        code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
        return code if code >= 0 else 128 - code
    finally:
        _kill(group)  # the guard, and whatever the command left in the background


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
