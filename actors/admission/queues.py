"""Queues of attempts that wait for a limit. Confirmed attempts go before speculative ones."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from actors.admission.capacity import Capacity, Semaphore

# What an attempt uses: the amount of each capacity.
Uses = tuple[tuple[Capacity, float], ...]


class AgentQueue:
    """The waiting attempts of one agent. All of them use the same, so only the first of each class can be next."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses
        self.waiting: dict[bool, dict[Ticket, None]] = {False: {}, True: {}}  # by speculative; dicts keep the order

    def heads(self) -> Iterable["Ticket"]:
        """The first of each class."""
        return (next(iter(tickets)) for tickets in self.waiting.values() if tickets)


@dataclass(eq=False, slots=True)
class Ticket:
    """An attempt that waits, or is admitted. ``number`` is its order of arrival.

    ``admitted`` is done once it may start. ``preempt`` ends it; it leaves soon after. None: nothing can end it.
    """

    queue: AgentQueue
    speculative: bool
    number: int
    preempt: Callable[[], None] | None = None
    admitted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def rank(self) -> tuple[bool, int]:
        """Lower goes first."""
        return self.speculative, self.number


class AdmissionQueue:
    """Admits attempts that share limits: those of one provider's agents, or of one agent.

    An attempt takes everything it uses at once or nothing, so none holds one limit while it waits for another. The
    first in the queue reserves the capacities it lacks: no later attempt takes from them, so a large call is not
    overtaken forever. An attempt that uses none of these may go ahead. A speculative attempt is admitted only if enough
    is left for all confirmed attempts that wait, and is preempted where a confirmed one lacks a place that it holds.
    """

    def __init__(self) -> None:
        self._queues: dict[AgentQueue, None] = {}  # those with waiting attempts
        self._guests: dict[Ticket, None] = {}  # speculative attempts that are admitted, in that order
        self._leaving = Counter[Capacity]()  # what preempted attempts will release
        self._preempted: set[Ticket] = set()
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, ticket: Ticket) -> None:
        """Wait until the attempt is admitted. One that is cancelled while it waits has used nothing."""
        ticket.queue.waiting[ticket.speculative][ticket] = None
        self._queues[ticket.queue] = None
        self._admit()
        try:
            await ticket.admitted
        except asyncio.CancelledError:
            self._withdraw(ticket)
            raise

    def ticket(self, queue: AgentQueue, *, speculative: bool, preempt: Callable[[], None] | None = None) -> Ticket:
        """A ticket behind all earlier ones; see `Ticket`."""
        return Ticket(queue, speculative, next(self._numbers), preempt)

    @property
    def length(self) -> int:
        """How many attempts wait."""
        return sum(len(tickets) for queue in self._queues for tickets in queue.waiting.values())

    def leave_with(self, ticket: Ticket) -> None:
        """An admitted attempt has ended."""
        self._forget(ticket)
        self.leave(ticket.queue.uses)

    def leave(self, uses: Uses) -> None:
        """An attempt has ended."""
        for capacity, amount in uses:
            capacity.release(amount)
        self._admit()

    def confirm(self, ticket: Ticket) -> None:
        """Move a waiting attempt behind the confirmed ones that wait.

        It stands where it would stand had it been dispatched now: speculative attempts never gain queue priority. One
        that is admitted is not preempted any more.
        """
        self._guests.pop(ticket, None)
        if ticket.speculative and not ticket.admitted.done():
            self._remove(ticket)
            ticket.speculative, ticket.number = False, next(self._numbers)
            ticket.queue.waiting[False][ticket] = None
            self._queues[ticket.queue] = None
            self._admit()

    def _withdraw(self, ticket: Ticket) -> None:
        if ticket.admitted.cancelled() or not ticket.admitted.done():
            self._remove(ticket)
        else:  # admitted and flushed within one turn of the event loop
            self._forget(ticket)
            for capacity, amount in ticket.queue.uses:
                capacity.refund(amount)
        self._admit()

    def _forget(self, ticket: Ticket) -> None:
        """An admitted attempt holds nothing any more: it is not there to be preempted, and nobody waits for it."""
        self._guests.pop(ticket, None)
        if ticket in self._preempted:
            self._preempted.discard(ticket)
            self._leaving.subtract(dict(ticket.queue.uses))

    def _remove(self, ticket: Ticket) -> None:
        queue = ticket.queue
        queue.waiting[ticket.speculative].pop(ticket, None)
        if not any(queue.waiting.values()):
            self._queues.pop(queue, None)

    def _admit(self) -> None:
        """Admit every attempt that fits, and set a timer for when time will have refilled what the others lack."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._queues:
            now_s = loop.time()
            first, soonest_s = self._next(now_s)
            if first is None:
                self._make_room(now_s)
                if soonest_s < math.inf:
                    self._timer = loop.call_later(soonest_s, self._admit)
                return
            self._remove(first)
            if first.admitted.cancelled():  # flushed; its own coroutine has yet to notice
                continue
            for capacity, amount in first.queue.uses:
                capacity.take(amount, now_s)
            first.admitted.set_result(None)
            if first.speculative and first.preempt is not None:
                self._guests[first] = None

    def _next(self, now_s: float) -> tuple[Ticket | None, float]:
        """The attempt to admit now; if there is none, the seconds until it is worth looking again."""
        heads = sorted((head for queue in self._queues for head in queue.heads()), key=lambda ticket: ticket.rank)
        wanted = Counter[Capacity]()
        for ticket in heads:
            wanted.update({} if ticket.speculative else dict(ticket.queue.uses))
        reserved: set[Capacity] = set()
        soonest_s = math.inf
        for ticket in heads:
            lacking: dict[Capacity, float] = {}
            for capacity, amount in ticket.queue.uses:
                wait_s = capacity.wait_s(amount, now_s, wanted[capacity] if ticket.speculative else 0.0)
                if wait_s > 0:
                    lacking[capacity] = wait_s
            if not lacking and not any(capacity in reserved for capacity, _ in ticket.queue.uses):
                return ticket, 0.0
            reserved |= lacking.keys()
            soonest_s = min([soonest_s, *lacking.values()])
        return None, soonest_s

    def _make_room(self, now_s: float) -> None:
        """Preempt speculative attempts, the newest first, that hold places which the first confirmed one lacks."""
        confirmed = [head for queue in self._queues for head in queue.heads() if not head.speculative]
        if not confirmed or not self._guests:
            return
        first = min(confirmed, key=lambda ticket: ticket.rank)
        for capacity, amount in first.queue.uses:
            if not isinstance(capacity, Semaphore):
                continue  # what a rate limit lacks nobody can give back
            for guest in reversed(list(self._guests)):
                if capacity.wait_s(amount - self._leaving[capacity], now_s) <= 0:
                    break
                if any(used is capacity for used, _ in guest.queue.uses):
                    self._preempt(guest)

    def _preempt(self, guest: Ticket) -> None:
        assert guest.preempt is not None
        del self._guests[guest]
        self._preempted.add(guest)
        self._leaving.update(dict(guest.queue.uses))
        guest.preempt()
