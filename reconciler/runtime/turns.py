"""Turns of the runs of a shard, so that requests do not wait for the events of many runs."""

import asyncio
from collections import deque

# One run has its turn before the event loop looks for requests again; one more for each so many that wait.
_FOR_EACH = 16
# From its commit to its answer, a request is resumed so often at most.
_STEPS_TO_AN_ANSWER = 5
# Runs have a turn at least once in so many rounds of the event loop, however many requests are under way.
_MOST_ROUNDS = 16


class Turns:
    """Lets a run handle an event, and then the event loop see to everything else. Lives on one event loop.

    Before an event loop looks at its sockets it resumes everything that is ready. If that were an event of each of
    twenty runs, a request, or the answer to one that is durable, would wait 10 ms for them.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._passing_on = False  # it is on its way, so the turn is taken
        self._rounds_left = 0  # for requests
        self._rounds_given = 0  # since the last turn

    def give_way(self) -> None:
        """Let a request that has waited for the disk be answered before another run has its turn."""
        self._rounds_left = _STEPS_TO_AN_ANSWER
        self._pass_on_soon()  # rounds pass though no run waits: the next one does not wait for an earlier request

    async def next(self) -> None:
        """Return when it is the caller's turn: at once if nobody has had one since the event loop looked around."""
        if not self._passing_on:
            self._pass_on_soon()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _pass_on_soon(self) -> None:
        if not self._passing_on:
            self._passing_on = True
            asyncio.get_running_loop().call_soon(self._pass_on)

    def _pass_on(self) -> None:
        self._passing_on = False
        if self._rounds_left and self._rounds_given < _MOST_ROUNDS:
            self._rounds_left -= 1
            self._rounds_given += 1
            self._pass_on_soon()
            return
        self._rounds_given = 0
        left = 1 + len(self._waiting) // _FOR_EACH
        while left and self._waiting:
            if not (turn := self._waiting.popleft()).done():  # else its run was cancelled
                turn.set_result(None)
                left -= 1
        if not left:
            self._pass_on_soon()
