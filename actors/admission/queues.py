"""Waiting for room, confirmed attempts before speculative ones."""

import asyncio
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from actors.admission.capacity import Capacity

# What an attempt takes: of each capacity how much.
Uses = tuple[tuple[Capacity, float], ...]


class AgentQueue:
    """The attempts of one agent that wait: all of them need the same, so only the first of each class can be next."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses
        self.waiting: dict[bool, dict[Ticket, None]] = {False: {}, True: {}}  # by speculative; dicts keep the order

    def heads(self) -> Iterable["Ticket"]:
        """The first of each class."""
        return (next(iter(places)) for places in self.waiting.values() if places)


@dataclass(eq=False, slots=True)
class Ticket:
    """An attempt's place in a line. ``number`` tells who came first."""

    line: AgentQueue
    speculative: bool
    number: int
    let_in: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def rank(self) -> tuple[bool, int]:
        """Lower goes first."""
        return self.speculative, self.number


class AdmissionQueue:
    """Where attempts wait that share limits: those of one provider's agents, or of one agent.

    An attempt takes all it needs at once or nothing, so none holds one limit while it waits for another. Whoever is
    first keeps what it lacks for itself: nobody behind it takes from a capacity that has too little for it, so a call
    that needs much is not passed by forever. One of another agent that does not need what the first lacks goes in;
    a speculative one only if it leaves enough for the confirmed that wait, whatever it is that they wait for.
    """

    def __init__(self) -> None:
        self._lines: dict[AgentQueue, None] = {}  # those in which somebody waits
        self._numbers = count()
        self._alarm: asyncio.TimerHandle | None = None

    async def enter(self, place: Ticket) -> None:
        """Wait until the attempt has what it needs. Cancelled while it waits, it has used nothing."""
        place.line.waiting[place.speculative][place] = None
        self._lines[place.line] = None
        self._let_in()
        try:
            await place.let_in
        except asyncio.CancelledError:
            self._withdraw(place)
            raise

    def place(self, line: AgentQueue, *, speculative: bool) -> Ticket:
        """A place behind all that have come before."""
        return Ticket(line, speculative, next(self._numbers))

    def leave(self, uses: Uses) -> None:
        """An attempt has ended."""
        for capacity, amount in uses:
            capacity.leave(amount)
        self._let_in()

    def confirm(self, place: Ticket) -> None:
        """Move a waiting attempt to the confirmed, behind those that are there: so it stands where it would had it been
        dispatched only now, and guessing early takes nobody's turn.
        """
        if place.speculative and not place.let_in.done():
            self._drop(place)
            place.speculative, place.number = False, next(self._numbers)
            place.line.waiting[False][place] = None
            self._lines[place.line] = None
            self._let_in()

    def _withdraw(self, place: Ticket) -> None:
        if place.let_in.cancelled() or not place.let_in.done():
            self._drop(place)
        else:  # let in and flushed within one turn of the event loop
            for capacity, amount in place.line.uses:
                capacity.give_back(amount)
        self._let_in()

    def _drop(self, place: Ticket) -> None:
        line = place.line
        line.waiting[place.speculative].pop(place, None)
        if not any(line.waiting.values()):
            self._lines.pop(line, None)

    def _let_in(self) -> None:
        """Let in whoever may, and look again when time will have refilled what the others lack."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        loop = asyncio.get_running_loop()
        while self._lines:
            now_s = loop.time()
            first, soonest_s = self._next(now_s)
            if first is None:
                if soonest_s < math.inf:
                    self._alarm = loop.call_later(soonest_s, self._let_in)
                return
            self._drop(first)
            if first.let_in.cancelled():  # flushed, and its own turn to say so has yet to come
                continue
            for capacity, amount in first.line.uses:
                capacity.take(amount, now_s)
            first.let_in.set_result(None)

    def _next(self, now_s: float) -> tuple[Ticket | None, float]:
        """Who may go in now; and if nobody, in how many seconds it is worth looking again."""
        heads = sorted((head for line in self._lines for head in line.heads()), key=lambda place: place.rank)
        wanted = Counter[Capacity]()
        for place in heads:
            wanted.update({} if place.speculative else dict(place.line.uses))
        kept: set[Capacity] = set()
        soonest_s = math.inf
        for place in heads:
            lacking: dict[Capacity, float] = {}
            for capacity, amount in place.line.uses:
                wait_s = capacity.wait_s(amount, now_s, wanted[capacity] if place.speculative else 0.0)
                if wait_s > 0:
                    lacking[capacity] = wait_s
            if not lacking and not any(capacity in kept for capacity, _ in place.line.uses):
                return place, 0.0
            kept |= lacking.keys()
            soonest_s = min([soonest_s, *lacking.values()])
        return None, soonest_s
