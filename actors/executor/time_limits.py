"""The time limits of thousands of attempts with one timer, which wakes once a second while there are any."""

import asyncio
from collections.abc import Callable

from actors.executor.hosted import HostedAttempt
from planners.model import AttemptId

_TICK_S = 1.0


class TimeLimits:
    """Calls back for attempts whose time is up, up to two seconds late. Lives on one event loop."""

    def __init__(self, up: Callable[[HostedAttempt], object]) -> None:
        """Set up. ``up``: called once with each attempt whose time is up."""
        self._up = up
        self._due: dict[int, dict[AttemptId, HostedAttempt]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, attempt: HostedAttempt, limit_s: float) -> None:
        """Start to measure the time of an attempt."""
        loop = asyncio.get_running_loop()
        attempt.due_with = self._due.setdefault(int((loop.time() + limit_s) / _TICK_S) + 1, {})
        attempt.due_with[attempt.order.attempt] = attempt
        if self._timer is None:
            self._timer = loop.call_later(_TICK_S, self._look)

    def discard(self, attempt: HostedAttempt) -> None:
        """The attempt has ended. One that is not known is ignored."""
        if attempt.due_with is not None:
            attempt.due_with.pop(attempt.order.attempt, None)
            attempt.due_with = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now_tick = int(loop.time() / _TICK_S)
        for tick in [tick for tick in self._due if tick <= now_tick]:
            for attempt in list(self._due.pop(tick).values()):
                attempt.due_with = None
                self._up(attempt)
        self._due = {tick: due for tick, due in self._due.items() if due}
        self._timer = loop.call_later(_TICK_S, self._look) if self._due else None
