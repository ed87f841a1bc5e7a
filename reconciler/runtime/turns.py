"""Turns of the runs of a shard, so that requests do not wait for the events of many runs."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# One run has its turn before the event loop looks for requests again; one more for each so many that wait.
_FOR_EACH = 16
# From its arrival to its commit, and from there to its answer, a request is resumed so often at most.
_STEPS_OF_A_REQUEST = 5
# Runs have a turn at least once in so many rounds of the event loop, however many requests are under way.
_MOST_ROUNDS = 16
# While an admission is being written, no run has a turn: at every statement, the journal's thread waits for the
# interpreter that runs keep busy, so that the commit takes several times as long. If more runs than this wait, they go
# on all the same: the event loop has no time to lose.
_FEW_RUNS = 8
_LONGEST_PAUSE_S = 0.01


class _Pause:
    """A time without turns, which ends by itself. Between two pauses there is at least as long as the first one took.

    ``resume`` is called when one ends.
    """

    def __init__(self, resume: Callable[[], None]) -> None:
        self._resume = resume
        self._current: tuple[float, asyncio.TimerHandle] | None = None  # since when, and what ends it at the latest
        self._next_s = 0.0

    @property
    def is_on(self) -> bool:
        """Whether nobody has a turn."""
        return self._current is not None

    def begin(self) -> bool:
        """Begin one; False: it is too early for the next one."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._next_s:
            return False
        self._current = loop.time(), loop.call_later(_LONGEST_PAUSE_S, self.end)
        return True

    def end(self) -> None:
        """End it, if it is on."""
        if self._current is None:
            return
        (began_s, timer), self._current = self._current, None
        timer.cancel()
        now_s = asyncio.get_running_loop().time()
        self._next_s = now_s + now_s - began_s
        self._resume()


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
        self._writing = 0
        self._pause = _Pause(self._pass_on_soon)

    def give_way(self) -> None:
        """Let a request that has arrived, or that has waited for the disk, go on before another run has its turn."""
        self._rounds_left = _STEPS_OF_A_REQUEST
        self._pass_on_soon()  # rounds pass though no run waits: the next one does not wait for an earlier request

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Meanwhile a request waits for the disk. If few runs wait, they wait for it as well, but not for long."""
        self._writing += 1
        try:
            yield
        finally:
            self._writing -= 1
            if not self._writing:
                self._pause.end()

    async def next(self) -> None:
        """Return when it is the caller's turn: at once if nobody has had one since the event loop looked around.

        See `writing` for who waits longer.
        """
        if not self._passing_on and not self._pauses():
            self._pass_on_soon()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if len(self._waiting) > _FEW_RUNS:
            self._pause.end()
        await turn

    def _pauses(self) -> bool:
        """Whether no run has a turn now. A pause begins if there is a reason for one."""
        if self._pause.is_on:
            return True
        return self._writing > 0 and len(self._waiting) <= _FEW_RUNS and self._pause.begin()

    def _pass_on_soon(self) -> None:
        if not self._passing_on and not self._pause.is_on:
            self._passing_on = True
            asyncio.get_running_loop().call_soon(self._pass_on)

    def _pass_on(self) -> None:
        self._passing_on = False
        if self._rounds_left and self._rounds_given < _MOST_ROUNDS:
            self._rounds_left -= 1
            self._rounds_given += 1
            self._pass_on_soon()
            return
        if self._waiting and self._pauses():
            return
        self._rounds_given = 0
        left = 1 + len(self._waiting) // _FOR_EACH
        while left and self._waiting:
            if not (turn := self._waiting.popleft()).done():  # else its run was cancelled
                turn.set_result(None)
                left -= 1
        if not left:
            self._pass_on_soon()
