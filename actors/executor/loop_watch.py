"""Notices code of async agents that holds an event loop, by the stack of the loop's thread at that moment."""

import asyncio
import sys
import threading
from types import FrameType

from actors import notices
from actors.executor import execution
from actors.invocation import Invocation
from actors.raised import Owner, owner_of_file

BLOCKED_S = 0.5
_PAUSE_S = 0.25
# The same code must hold the loop a moment later: a busy machine delays a thread as well.
_CONFIRM_S = 0.05


class LoopWatch:
    """Watches one event loop from a daemon thread, which wakes four times a second."""

    def __init__(self, loop: asyncio.AbstractEventLoop, blocked_s: float = BLOCKED_S) -> None:
        self._loop = loop
        self._blocked_s = blocked_s
        self._thread_id = threading.get_ident()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="forerun-loop-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch. Call `start` and make the watch in the thread of the loop."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(_PAUSE_S):
            answered = threading.Event()
            try:
                self._loop.call_soon_threadsafe(answered.set)
            except RuntimeError:  # the loop is closed
                return
            if not answered.wait(self._blocked_s):
                self._look(answered)
                answered.wait()

    def _look(self, answered: threading.Event) -> None:
        first = attempt_on(sys._current_frames().get(self._thread_id))  # noqa: SLF001 -- the documented way to a thread's stack
        if first is None or answered.wait(_CONFIRM_S):
            return
        again = attempt_on(sys._current_frames().get(self._thread_id))  # noqa: SLF001 -- see above
        if again is not None and again[0] is first[0]:
            notices.note_block(first[0], first[1], self._blocked_s)


def attempt_on(frame: FrameType | None) -> tuple[Invocation, str] | None:
    """The attempt whose code is on a stack, and the innermost line of its user's code; None if there is none."""
    where: str | None = None
    while frame is not None:
        if where is None and owner_of_file(frame.f_code.co_filename) is Owner.USER:
            where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if frame.f_code is execution.preload.__code__:
            return None  # an import, which is no fault of the attempt that happens to be the first
        if frame.f_code is execution.run_async.__code__:
            call: Invocation = frame.f_locals["call"]
            return (call, where) if where is not None else None
        frame = frame.f_back
    return None
