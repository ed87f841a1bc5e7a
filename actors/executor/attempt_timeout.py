"""Time limits of attempts that share an event loop: as `asyncio.timeout`, for thousands that wait.

A timer of the loop and its context take more than half a kilobyte, so an attempt gets its own only in its last seconds.
"""

import asyncio
from types import TracebackType
from typing import ClassVar
from weakref import WeakKeyDictionary

_TICK_S = 1.0


class AttemptTimeout:
    """Cancels the asyncio task that enters it once its time is up, which is a TimeoutError where it is left.

    ``expired``: whether the time was up.
    """

    __slots__ = ("_among", "_cancelling", "_seconds", "_task", "due_s", "expired", "timer")

    def __init__(self, seconds: float | None) -> None:
        """Set up. ``seconds``: the limit, from when it is entered; None: none."""
        self._seconds = seconds
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._among: DueTimeouts | None = None
        self.expired = False
        self.due_s = 0.0
        self.timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        assert self._task is not None, "attempts are asyncio tasks"
        self._cancelling = self._task.cancelling()
        if self._seconds is not None:
            loop = asyncio.get_running_loop()
            self.due_s = loop.time() + self._seconds
            self._among = DueTimeouts.of(loop)
            self._among.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if self._among is not None:  # the loop may have ended
            self._among.discard(self)
        only_by_this = self.expired and task is not None and task.uncancel() <= self._cancelling
        if only_by_this and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error

    def expire(self) -> None:
        """The time is up."""
        if self._task is not None:
            self.expired = True
            self._task.cancel()


class DueTimeouts:
    """The time limits of one event loop by the second before which they need no timer of their own."""

    _of: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, "DueTimeouts"]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._far: dict[int, dict[AttemptTimeout, None]] = {}
        self._count = 0
        self._next: tuple[int, asyncio.TimerHandle] | None = None

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "DueTimeouts":
        """Those of a loop."""
        if (known := cls._of.get(loop)) is None:
            known = cls._of[loop] = cls()
        return known

    def add(self, limit: AttemptTimeout) -> None:
        """A time limit begins."""
        loop, tick = asyncio.get_running_loop(), _tick(limit)
        if tick * _TICK_S <= loop.time():
            limit.timer = loop.call_at(limit.due_s, limit.expire)
            return
        self._far.setdefault(tick, {})[limit] = None
        self._count += 1
        if self._next is None or tick < self._next[0]:
            self._look_at(tick)

    def discard(self, limit: AttemptTimeout) -> None:
        """A time limit is over."""
        if limit.timer is not None:
            limit.timer.cancel()
            limit.timer = None
        elif limit in (due := self._far.get(_tick(limit), {})):
            del due[limit]
            self._count -= 1
            if not due:
                del self._far[_tick(limit)]
            if not self._count and self._next is not None:  # else the loop waits for a timer without use
                self._next[1].cancel()
                self._next = None

    def _look_at(self, tick: int) -> None:
        if self._next is not None:
            self._next[1].cancel()
        self._next = tick, asyncio.get_running_loop().call_at(tick * _TICK_S, self._look)

    def _look(self) -> None:
        loop, self._next = asyncio.get_running_loop(), None
        now_tick = int(loop.time() / _TICK_S)
        for tick in [tick for tick in self._far if tick <= now_tick]:
            due = self._far.pop(tick)
            self._count -= len(due)
            for limit in due:
                limit.timer = loop.call_at(limit.due_s, limit.expire)
        if self._far:
            self._look_at(min(self._far))


def _tick(limit: AttemptTimeout) -> int:
    """The second in which it gets its own timer; in the past if it ends soon."""
    return int(limit.due_s / _TICK_S) - 1
