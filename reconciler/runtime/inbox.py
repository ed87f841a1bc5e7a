"""The events of one run that it has not handled yet. It reads them in its turns."""

import asyncio

from reconciler.runtime.turns import Turns
from reconciler.state.events import Event

# Events that one run reads in its turn.
_MOST_IN_A_TURN = 8


class Inbox:
    """Events in order of arrival, and errors that end the run. Lives on one event loop."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._queue: asyncio.Queue[Event | BaseException] = asyncio.Queue()
        self._read = _MOST_IN_A_TURN  # in this turn
        self._in_hand: Event | BaseException | None = None  # was taken from the queue, and waits for a turn

    def put(self, event: Event | BaseException) -> None:
        """Add an event, or an error of what the run depends on."""
        self._queue.put_nowait(event)

    @property
    def is_empty(self) -> bool:
        """Whether the run has handled everything."""
        return self._queue.empty() and self._in_hand is None

    async def next(self) -> Event:
        """The next event, once there is one and it is the run's turn; raises the error in its place.

        A call that is cancelled takes none.
        """
        turn_is_over = self._queue.empty() or self._read >= _MOST_IN_A_TURN
        if self._in_hand is None:
            self._in_hand = await self._queue.get()
        if turn_is_over:
            await self._turns.next()
            self._read = 0
        event, self._in_hand = self._in_hand, None
        self._read += 1
        if isinstance(event, BaseException):
            raise event
        return event
