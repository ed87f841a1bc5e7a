"""The attempts of one host process: orders come in, results go out in batches."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextvars import copy_context
from typing import Any

from actors.executor.captured import Captures
from actors.executor.containment import RunningMark, start_contained
from actors.executor.execution import run_async
from actors.executor.messages import Orders, Posted, Returned
from actors.failures import failure_of
from actors.invocation import Ended, Invocation, Result
from actors.mailbox import AttemptMailbox
from planners.model import AttemptId
from reconciler.state.messages import MailboxMessage

_REMEMBERED_FLUSHES = 10_000
_PLAIN = Captures()
# Bounds a batch of results, so that reading one does not hold up the event loop of the executor.
_MOST_RESULTS = 250
# Attempts that have ended may get messages, too, so not all that are early are read.
_MOST_EARLY = 1_000


class HostAttempts:
    """Attempts on the event loop of a host.

    Flushing does not use ``ray.cancel``, which is known to miss methods that have not begun (ray #52628): an attempt
    that is flushed before it arrives is remembered and refused.
    """

    def __init__(self, mark: RunningMark, captures: Captures = _PLAIN) -> None:
        self._mark = mark
        self._captures = captures
        self._running: dict[AttemptId, asyncio.Task[Result]] = {}
        self._calls: dict[asyncio.Task[Result], Invocation] = {}
        self._on_end, self._context = self._ended, copy_context()  # made once: thousands of attempts keep them
        self._flushed: OrderedDict[AttemptId, None] = OrderedDict()
        self._bodies: dict[AttemptId, Any] = {}
        self._returned: list[Returned | Posted] = []
        self._mailboxes: dict[AttemptId, AttemptMailbox] = {}
        # Messages for attempts that have not arrived: Ray holds them back until their inputs are there.
        self._early: dict[AttemptId, list[MailboxMessage]] = {}
        self._news = asyncio.Event()
        self._send: Callable[[list[Returned | Posted]], None] | None = None
        self._sending: asyncio.Handle | None = None

    def send_to(self, send: Callable[[list[Returned | Posted]], None]) -> None:
        """Send ends as they come, those of one turn of the event loop together, instead of keeping them."""
        self._send = send
        self._send_soon()

    @property
    def running(self) -> Collection[AttemptId]:
        """The attempts that have not ended."""
        return self._running.keys()

    def take(self, orders: Orders, blobs: Sequence[Any] = ()) -> None:
        """Flush and start attempts. ``blobs``: the referenced outputs that the calls read."""
        self._flush(orders.flushed)
        for call in orders.calls:
            if call.attempt in self._flushed:
                self._return(Returned(call.attempt, None))
            else:
                self._start(call, tuple(blobs))
        for attempt, messages in orders.mail:
            if (mailbox := self._mailboxes.get(attempt)) is not None:
                mailbox.take(messages)
            elif attempt not in self._flushed:
                self._early.setdefault(attempt, []).extend(messages)
                if len(self._early) > _MOST_EARLY:
                    del self._early[next(iter(self._early))]

    async def results(self) -> list[Returned | Posted]:
        """The ends and messages that have not been taken yet, oldest first; waits for the first one."""
        await self._news.wait()
        batch = self._next_batch()
        if not self._returned:
            self._news.clear()
        return batch

    def _next_batch(self) -> list[Returned | Posted]:
        batch, self._returned = self._returned[:_MOST_RESULTS], self._returned[_MOST_RESULTS:]
        return batch

    def body(self, attempt: AttemptId) -> Any:
        """Take a large output.

        Raises:
            KeyError: there is none of this attempt, or it was taken.
        """
        return self._bodies.pop(attempt)

    def _flush(self, attempts: Sequence[AttemptId]) -> None:
        for attempt in attempts:
            self._flushed[attempt] = None
            self._bodies.pop(attempt, None)
            self._early.pop(attempt, None)
            if (running := self._running.get(attempt)) is not None:
                running.cancel()
        while len(self._flushed) > _REMEMBERED_FLUSHES:
            self._flushed.popitem(last=False)

    def _start(self, call: Invocation, blobs: tuple[Any, ...]) -> None:
        running = run_async(call, blobs, self._captures, self._mailbox(call))
        task = self._running[call.attempt] = start_contained(running, call.attempt, self._mark)
        self._calls[task] = call
        task.add_done_callback(self._on_end, context=self._context)

    def _mailbox(self, call: Invocation) -> AttemptMailbox | None:
        if call.mailbox is None:
            return None

        def post(message: MailboxMessage) -> None:
            self._return(Posted(call.attempt, message))

        mailbox = AttemptMailbox(call.step, call.mailbox, post, call.inline_bytes)
        self._mailboxes[call.attempt] = mailbox
        mailbox.take(self._early.pop(call.attempt, ()))
        return mailbox

    def _ended(self, task: asyncio.Task[Result]) -> None:
        call = self._calls.pop(task)
        attempt = call.attempt
        del self._running[attempt]
        self._mailboxes.pop(attempt, None)
        try:
            result = task.result()
        except BaseException as error:  # noqa: BLE001 -- whatever ended the asyncio task of an attempt, its end is reported
            # A cancellation that nobody asked for is the agent's own.
            failed = None if attempt in self._flushed else Ended(0.0, failure=failure_of(error, call=call))
            self._return(Returned(attempt, failed))
            return
        if result.body is not None and attempt not in self._flushed:
            self._bodies[attempt] = result.body
        self._return(Returned(attempt, result.ended, result.staged))

    def _return(self, returned: Returned | Posted) -> None:
        self._returned.append(returned)
        if self._send is None:
            self._news.set()
        else:
            self._send_soon()

    def _send_soon(self) -> None:
        if self._sending is None and self._returned:
            self._sending = asyncio.get_running_loop().call_soon(self._send_batch)

    def _send_batch(self) -> None:
        self._sending = None
        if self._send is not None:
            self._send(self._next_batch())
            self._send_soon()
