"""Whether an actor that submissions depend on is there, from pings that are seldom sent."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import Context

from orchestrator.errors import Unavailable

# An answer counts for so long, so that a burst of submissions sends few pings. From some time before that on it is
# refreshed, so that no submission of a burst waits for a ping.
_FRESH_S = 0.9
_REFRESH_S = 0.5
_WAIT_S = 0.5
# An actor that is busy answers late. One that has died fails a ping at once.
_LONGEST_SILENCE_S = 15.0


class Liveness:
    """Whether one actor answers. Lives on one event loop."""

    def __init__(self, ping: Callable[[], Awaitable[object]], clock: Callable[[], float] = time.monotonic) -> None:
        """Set up. ``ping`` raises Unavailable if the actor is not there."""
        self._ping = ping
        self._clock = clock
        self._answered_s: float | None = None
        self._silent_since_s = float("inf")
        self._pinging: asyncio.Task[object] | None = None

    async def require(self) -> None:
        """Return if the actor is there, or only busy.

        Raises:
            Unavailable: it has died, or has not answered for long.
        """
        now_s = self._clock()
        age_s = float("inf") if self._answered_s is None else now_s - self._answered_s
        if age_s < _REFRESH_S:
            return
        self._silent_since_s = min(self._silent_since_s, now_s)
        if self._pinging is None or self._pinging.done():
            # In a context of its own: Ray cancels what a cancelled request has called, and others wait for this ping.
            self._pinging = asyncio.get_running_loop().create_task(self._answer(), context=Context())
            self._pinging.add_done_callback(_retrieved)
        if age_s < _FRESH_S:
            return
        pinging = self._pinging
        await asyncio.wait([pinging], timeout=_WAIT_S)
        if pinging.done():
            pinging.result()
        elif self._clock() - self._silent_since_s > _LONGEST_SILENCE_S:
            raise Unavailable("the planner does not answer", fix="try again in a moment")

    async def _answer(self) -> None:
        try:
            await self._ping()
        except BaseException:
            self._answered_s = None
            raise
        self._answered_s, self._silent_since_s = self._clock(), float("inf")


def _retrieved(pinging: "asyncio.Task[object]") -> None:
    """Nobody may wait for a late ping, and its error is none of the event loop's."""
    if not pinging.cancelled():
        pinging.exception()
