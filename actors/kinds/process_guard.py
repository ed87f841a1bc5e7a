"""Runs a command none of whose processes outlives the process that started it.

``python -I -S process_guard.py FD COUNT AFTERWARDS... ARGV...``: FD is the reading end of a pipe. Only the calling
process holds the writing end, so the guard reads end-of-file as soon as that process is gone, kill -9 included. It
imports nothing of Forerun and starts in 15 ms. AFTERWARDS are COUNT arguments: a command that is run if the other one
was killed, to remove what is no process of it.

There are two processes besides the command: this one waits for the exit code; the guard, its child, starts the command
and adopts whatever the command leaves behind, daemons in sessions of their own included. When the command ends, or the
pipe closes, the guard kills all of them. The guard is not a child of the calling process, because Ray kills the
children of a worker that it kills.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
from collections import defaultdict

_NOT_FOUND = 127
_PR_SET_CHILD_SUBREAPER = 36


def main(fd: int, afterwards: list[str], argv: list[str]) -> int:
    """Run ``argv`` and return its exit code, or 128 + the signal that ended it."""
    os.set_inheritable(fd, False)
    reading, writing = os.pipe()
    guard = os.fork()
    if guard == 0:
        os.close(reading)
        os.setsid()  # signals to the group of the calling process must not end the guard
        os._exit(_guard(fd, afterwards, argv, writing))
    os.close(writing)
    for stream in (0, 1, 2):
        os.close(stream)  # else the reader of a closed stream would wait for this process
    code = os.read(reading, 4)
    return int.from_bytes(code, "little") if code else 128 + signal.SIGKILL


def _guard(fd: int, afterwards: list[str], argv: list[str], result: int) -> int:
    """Start the command, wait for its end or that of the calling process, and leave no descendant."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    ignored_by_python = [signal.SIGPIPE, signal.SIGXFSZ]
    try:
        command = os.posix_spawnp(argv[0], argv, os.environ, setpgroup=0, setsigdef=ignored_by_python)
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.stderr.flush()
        code = _NOT_FOUND
    else:
        for stream in (0, 1, 2):
            os.close(stream)
        ended = os.pidfd_open(command)
        select.select([fd, ended], [], [])
        code = _exit_code(command, killed=not select.select([ended], [], [], 0)[0])
    _kill_descendants()
    with contextlib.suppress(BrokenPipeError):  # nobody waits for the exit code if the calling process is gone
        os.write(result, code.to_bytes(4, "little"))
    os.close(result)
    if afterwards and code > 128:
        _run(afterwards)
        _kill_descendants()
    return 0


def _run(argv: list[str]) -> None:
    """Run a command to its end, without input and output."""
    nothing = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)]
    with contextlib.suppress(OSError):
        os.waitpid(os.posix_spawnp(argv[0], argv, os.environ, file_actions=nothing), 0)


def _exit_code(command: int, *, killed: bool) -> int:
    if killed:
        os.kill(command, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    return code if code >= 0 else 128 - code


def _kill_descendants() -> None:
    """Kill and reap until none is left: one that forks meanwhile is found in the next round."""
    while True:
        for pid in _descendants():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _descendants() -> list[int]:
    children = defaultdict[int, list[int]](list)
    for name in os.listdir("/proc"):  # noqa: PTH208 importing pathlib takes 15 ms
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                # The name of the program, in parentheses, may hold anything; the parent follows the state after it.
                children[int(file.read().rpartition(b")")[2].split()[1])].append(int(name))
    found: list[int] = []
    pending = [os.getpid()]
    while pending:
        own = children[pending.pop()]
        found += own
        pending += own
    return found


if __name__ == "__main__":
    count = int(sys.argv[2])
    sys.exit(main(int(sys.argv[1]), sys.argv[3 : 3 + count], sys.argv[3 + count :]))
