"""Turns of the runs of a shard, so that requests do not wait for the events of many runs."""

import asyncio
from collections import deque

# One run has its turn before the event loop looks for requests again; one more for each so many that wait.
_FOR_EACH = 16


class Turns:
    """Lets a run handle an event, and then the event loop see to everything else. Lives on one event loop.

    Before an event loop looks at its sockets it resumes everything that is ready. If that were an event of each of
    twenty runs, a request, or the answer to one that is durable, would wait 10 ms for them.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False

    async def next(self) -> None:
        """Return when it is the caller's turn: at once if nobody has had one since the event loop looked around."""
        loop = asyncio.get_running_loop()
        if not self._taken:
            self._taken = True
            loop.call_soon(self._pass_on)
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _pass_on(self) -> None:
        left = 1 + len(self._waiting) // _FOR_EACH
        while left and self._waiting:
            if not (turn := self._waiting.popleft()).done():  # else its run was cancelled
                turn.set_result(None)
                left -= 1
        self._taken = not left
        if self._taken:
            asyncio.get_running_loop().call_soon(self._pass_on)
