"""Keeps agents that share an event loop from ending it, and records which attempt is running on it.

KeyboardInterrupt and SystemExit end an event loop when they leave an asyncio task. So the coroutine of an agent and
every asyncio task that it spawns are wrapped. The wrapper also writes the id of the attempt into a `RunningMark` while
the attempt's code runs: when the process dies or blocks, the mark tells which attempt did it.
"""

import asyncio
import mmap
import os
import time
from collections.abc import Coroutine, Generator
from contextlib import suppress
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any, TypeVar

from planners.model import AttemptId

_MARK_BYTES = 256
_STALE_S = 600.0
_attempt: ContextVar[bytes | None] = ContextVar("attempt", default=None)


class ExitRequested(Exception):
    """An asyncio task that an agent spawned raised SystemExit or KeyboardInterrupt."""


class RunningMark:
    """The attempt whose code is running on the event loop now, in a file that outlives a killed process.

    Setting it costs 0.1 us: it writes to mapped memory and nothing to a disk.
    """

    def __init__(self, path: Path) -> None:
        with path.open("wb+") as file:
            file.truncate(_MARK_BYTES)
            self._memory = mmap.mmap(file.fileno(), _MARK_BYTES)

    def set(self, mark: bytes) -> None:
        """``mark``: see `mark_of`."""
        self._memory[: len(mark)] = mark

    def clear(self) -> None:
        """No attempt is running: the loop waits, or runs something else."""
        self._memory[0] = 0

    @staticmethod
    def take(path: Path) -> AttemptId | None:
        """Remove the mark of a process that ended: the attempt that was running then, if one was."""
        try:
            text = path.read_bytes().partition(b"\0")[0].decode()
            path.unlink()
        except (OSError, UnicodeDecodeError):
            return None
        return AttemptId(text) if text else None


def mark_of(attempt: AttemptId) -> bytes:
    """The bytes of a mark, up to a zero. An id that is too long is cut, and then names no attempt."""
    return attempt.encode()[: _MARK_BYTES - 1] + b"\0"


class ContainedCoroutine(Coroutine[Any, Any, Any]):
    """A coroutine that belongs to an attempt; drives the wrapped one step by step."""

    __slots__ = ("_coroutine", "_mark", "_running")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], mark: bytes, running: RunningMark) -> None:
        self._coroutine = coroutine
        self._mark = mark
        self._running = running

    def send(self, value: Any) -> Any:
        """Run until the next await."""
        self._running.set(self._mark)
        try:
            return self._coroutine.send(value)
        except (KeyboardInterrupt, SystemExit) as error:
            raise ExitRequested(type(error).__name__) from error
        finally:
            self._running.clear()

    def throw(self, *error: Any) -> Any:
        """Raise inside the coroutine, as a cancellation does, and run until the next await."""
        self._running.set(self._mark)
        try:
            return self._coroutine.throw(*error)
        except (KeyboardInterrupt, SystemExit) as left:
            raise ExitRequested(type(left).__name__) from left
        finally:
            self._running.clear()

    def close(self) -> None:
        """Close the coroutine."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()


def contain_spawned_tasks(loop: asyncio.AbstractEventLoop, running: RunningMark) -> None:
    """Wrap every asyncio task that an attempt spawns on this loop from now on."""

    def create(loop: asyncio.AbstractEventLoop, coroutine: Any, **how: Any) -> asyncio.Task[Any]:
        mark = _attempt.get()
        if mark is not None and asyncio.iscoroutine(coroutine):
            coroutine = ContainedCoroutine(coroutine, mark, running)
        return asyncio.Task(coroutine, loop=loop, **how)

    loop.set_task_factory(create)


T = TypeVar("T")


def start_contained(coroutine: Coroutine[Any, Any, T], attempt: AttemptId, running: RunningMark) -> asyncio.Task[T]:
    """Start the asyncio task of an attempt."""
    mark, context = mark_of(attempt), copy_context()
    context.run(_attempt.set, mark)
    contained = ContainedCoroutine(coroutine, mark, running)
    # With a name of its own: asyncio would make another one for each.
    return asyncio.Task(contained, loop=asyncio.get_running_loop(), name=attempt, context=context)


def remove_stale_marks(folder: Path, prefix: str) -> None:
    """Remove the marks of processes that ended a while ago. A file's name is ``prefix`` and the process id."""
    for path in folder.glob(f"{prefix}*"):
        with suppress(OSError, ValueError):  # another host may be removing it too
            pid = int(path.name.removeprefix(prefix))
            if time.time() - path.stat().st_mtime > _STALE_S and not _lives(pid):
                path.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
