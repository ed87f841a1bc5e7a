"""Timers that wake a run at the moments it has asked for."""

import asyncio
import math
from collections.abc import Callable, Iterable

from reconciler.runtime.message_delays import MessageDelays
from reconciler.runtime.run_clock import RunClock
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.run import RunState

# Alarms that are kept before those that have gone off are forgotten.
_MOST_KEPT = 32


class Alarms:
    """The timers of one run. Lives on its event loop.

    An alarm for late attempts goes off only if one is still late after all reports that have arrived were read.
    """

    def __init__(
        self,
        run: RunState,
        clock: RunClock,
        delays: MessageDelays,
        post: Callable[[e.TimePassed], None],
        is_handled: Callable[[], bool],
    ) -> None:
        """Set up.

        Args:
            run: that is woken.
            clock: seconds since its admission.
            delays: of messages between the shard and its agents.
            post: receives the alarms.
            is_handled: whether a thread handles an event of the run, which is not to be read then.
        """
        self._run = run
        self._clock = clock
        self._delays = delays
        self._post = post
        self._is_handled = is_handled
        self._loop = asyncio.get_running_loop()
        self._timers: list[tuple[float, asyncio.TimerHandle]] = []  # by moment of the run
        self._gone_off_s = -math.inf  # the latest of them
        self._late: tuple[float, asyncio.TimerHandle] | None = None

    def set(self, command: c.WakeAt) -> None:
        """Set a timer for the moment that the command names."""
        if command.for_late:
            self._look_at(command.at_s, command.at_s)
            return
        if len(self._timers) >= _MOST_KEPT:
            self._timers = [(at_s, timer) for at_s, timer in self._timers if at_s > self._gone_off_s]
        self._timers.append((command.at_s, self._timer(command.at_s, self._go_off, command.at_s)))

    def next_in_s(self, not_set: Iterable[c.Command] = ()) -> float | None:
        """Seconds to the next alarm, 0 if it is due; None if there is none.

        ``not_set``: commands to look at where no alarm is set.
        """
        timers = [timer for at_s, timer in self._timers if at_s > self._gone_off_s]
        if self._late is not None:
            timers.append(self._late[1])
        seconds = [timer.when() - self._loop.time() for timer in timers]
        if not self._timers:
            ahead = (one.at_s for one in not_set if isinstance(one, c.WakeAt) and one.at_s > self._run.at_s)
            seconds += [at_s - self._clock.now_s for at_s in ahead]
        return min((max(0.0, after_s) for after_s in seconds), default=None)

    def close(self) -> None:
        """Cancel all timers."""
        for _, timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._late is not None:
            self._late[1].cancel()
            self._late = None

    def _timer(self, at_s: float, call: Callable[..., None], *arguments: float) -> asyncio.TimerHandle:
        return self._loop.call_later(max(0.0, at_s - self._clock.now_s), call, *arguments)

    def _go_off(self, at_s: float) -> None:
        """A timer may fire a moment early by another clock. It counts as due all the same: no other timer follows."""
        self._gone_off_s = max(self._gone_off_s, at_s)
        self._post(e.TimePassed(at_s=max(at_s, self._clock.now_s)))

    def _look_at(self, at_s: float, due_s: float) -> None:
        """Look for attempts that are late at ``due_s``. An earlier look stands, because it plans the next."""
        if self._late is not None:
            if self._late[0] <= at_s:
                return
            self._late[1].cancel()
        self._late = at_s, self._timer(at_s, self._look, at_s, due_s)

    def _look(self, at_s: float, due_s: float) -> None:
        self._late = None
        now_s = max(at_s, self._clock.now_s)
        if not self._is_handled():
            late_s = self._run.late.first_s(self._run.attempts.live)
            if late_s is None:
                return
            due_s = max(due_s, late_s)
            # The event loop has not read what has arrived since the timer was due.
            again_s = due_s + max(self._delays.margin_s, now_s - at_s)
            if again_s > now_s:
                self._look_at(again_s, due_s)
                return
        self._go_off(now_s)
