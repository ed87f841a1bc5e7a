"""The executor's side of a host: what one tick of the event loop orders goes in one message, results come in batches.

Messages go through the host's socket, if it is on this machine. Otherwise they are actor calls: at most one call at a
time waits for results. It carries the orders that are there when it starts, so a lone attempt costs one call; orders of
later ticks go in calls of their own, which return at once.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ray import exceptions as rx

from actors.executor.host_socket import MessageStream, SocketAddress, connected
from actors.executor.messages import Orders, Posted, Returned, packed, unpacked
from actors.invocation import Invocation
from actors.mailbox import Post
from actors.payloads.outputs import Reference
from planners.model import AttemptId
from reconciler.state.messages import MailboxMessage

# Bounds a message, so that writing one does not hold up the event loop.
_MOST_CALLS = 250


_log = logging.getLogger(__name__)


class Waiting(Protocol):
    """Waits for the end of an attempt."""

    def take_end(self, end: Returned | Exception) -> bool:
        """The end, or the error for which there is none; whether anybody still waits for it."""
        ...


@dataclass(frozen=True, slots=True)
class WaitingFuture:
    """A future that gets the end of an attempt."""

    future: "asyncio.Future[Returned]"

    def take_end(self, end: Returned | Exception) -> bool:
        """See `Waiting`."""
        return settled(self.future, end)


class HostLink:
    """Sends attempts to one host actor and receives their ends. Lives on one event loop."""

    def __init__(self, actor: Any) -> None:
        """Set up. ``actor``: the handle of a `Host`."""
        self._mail: list[tuple[AttemptId, Sequence[MailboxMessage]]] = []
        self._posts: dict[AttemptId, Post] = {}
        self._actor = actor
        self._calls: list[Invocation] = []
        self._flushed: list[AttemptId] = []
        self._expected: dict[AttemptId, Waiting] = {}
        self._sending: asyncio.Handle | None = None
        self._receiving: asyncio.Task[None] | None = None
        self._confirming: set[asyncio.Task[None]] = set()
        self._stream: MessageStream | None = None

    async def connect(self, address: SocketAddress | None) -> None:
        """Use the host's socket from now on, if it can be reached. Call this before the first attempt."""
        if address is not None:
            self._stream = await connected(address, self._receive_message, self._lose)

    @property
    def is_local(self) -> bool:
        """Whether the host is on this machine, and messages go through its socket."""
        return self._stream is not None

    def close(self) -> None:
        """End the connection to the socket. Attempts that still run fail."""
        if self._stream is not None:
            self._stream.close()

    def run(self, call: Invocation, blobs: Iterable[Reference] = ()) -> asyncio.Future[Returned]:
        """Start an attempt; its end.

        The future raises a RayError if the host ends or an output in ``blobs`` is lost. Cancelling it stops nothing:
        see `flush`.
        """
        end: asyncio.Future[Returned] = asyncio.get_running_loop().create_future()
        self.start(call, blobs, WaitingFuture(end))
        return end

    def start(self, call: Invocation, blobs: Iterable[Reference], waiting: Waiting) -> None:
        """As `run`, for thousands that wait: ``waiting`` takes the end, without a future."""
        self._expected[call.attempt] = waiting
        if references := tuple(blobs):
            # Alone, since Ray holds the call back until the outputs are there.
            self._send(Orders((call,)), references)
        else:
            self._calls.append(call)
        self._send_soon()

    def listen(self, attempt: AttemptId, post: Post) -> None:
        """``post`` gets what the attempt publishes from now on, until it has returned."""
        self._posts[attempt] = post

    def deliver(self, attempt: AttemptId, messages: Sequence[MailboxMessage]) -> None:
        """Hand messages to an attempt that was started."""
        self._mail.append((attempt, messages))
        self._send_soon()

    def flush(self, attempts: Iterable[AttemptId]) -> None:
        """Cancel attempts, whether they run or have yet to arrive, and drop large outputs that were not fetched."""
        self._flushed += attempts
        self._send_soon()

    async def body(self, attempt: AttemptId) -> Reference:
        """The reference to the large output of an attempt that has just returned; this process becomes its owner.

        Raises:
            RayError: the host has ended.
        """
        fetched, body = self._actor.body.remote(attempt)
        await fetched  # not the body itself, which stays on its node
        return body  # type: ignore[no-any-return]  # an ObjectRef

    def _send_soon(self) -> None:
        if self._sending is None:
            self._sending = asyncio.get_running_loop().call_soon(self._send_all)

    def _send_all(self) -> None:
        self._sending = None
        if self._stream is not None and self._stream.is_closed:
            self._lose()
        elif self._stream is not None:
            self._stream.send(packed(self._next_orders()))
        elif self._expected and self._receiving is None:
            self._receiving = asyncio.ensure_future(self._receive(self._next_orders()))
        elif self._has_orders:
            self._send(self._next_orders())
        if self._has_orders:
            self._send_soon()

    @property
    def _has_orders(self) -> bool:
        return bool(self._calls or self._flushed or self._mail)

    def _next_orders(self) -> Orders:
        # Messages go with the last calls, so that none is ahead of the attempt that it is for.
        mail = self._mail if len(self._calls) <= _MOST_CALLS else []
        orders = Orders(self._calls[:_MOST_CALLS], self._flushed, mail)
        del self._calls[:_MOST_CALLS]
        self._flushed, self._mail = [], [] if mail else self._mail
        return orders

    def _send(self, orders: Orders, references: tuple[Reference, ...] = ()) -> None:
        confirming = asyncio.ensure_future(self._sent(orders, references))
        self._confirming.add(confirming)
        confirming.add_done_callback(self._confirming.discard)

    async def _sent(self, orders: Orders, references: tuple[Reference, ...]) -> None:
        try:
            await self._actor.take.remote(packed(orders), *references)
        except Exception as error:  # noqa: BLE001 -- a lost output or host; whatever it is, the attempts must hear of it
            self._fail([call.attempt for call in orders.calls], error)

    async def _receive(self, orders: Orders) -> None:
        try:
            while self._expected:
                self._take(unpacked(await self._actor.exchange.remote(packed(orders))))
                orders = self._next_orders() if self._expected else Orders()
        except Exception as error:  # noqa: BLE001 -- the host has ended; whatever it is, the attempts must hear of it
            self._fail(list(self._expected), error)
        finally:
            self._receiving = None
        if self._expected or self._has_orders:
            self._send_soon()

    def _receive_message(self, message: bytes) -> None:
        self._take(unpacked(message))

    def _lose(self) -> None:
        """The host has ended, or something in its process has closed its socket: it is of no use any more."""
        self._calls, self._flushed, self._mail = [], [], []
        self._fail(list(self._expected), rx.RayActorError(error_msg="the host has ended its connection"))

    def _take(self, news: Iterable[Returned | Posted]) -> None:
        for one in news:
            if isinstance(one, Returned):
                self._settle(one)
            elif (post := self._posts.get(one.attempt)) is not None:
                post(one.message)

    def _settle(self, returned: Returned) -> None:
        if not self._tell(returned.attempt, returned) and returned.is_large:
            self.flush([returned.attempt])  # nobody will fetch it

    def _fail(self, attempts: Iterable[AttemptId], error: Exception) -> None:
        attempts = [attempt for attempt in attempts if attempt in self._expected]
        for attempt in attempts:
            self._tell(attempt, error)
        if attempts and not isinstance(error, rx.RayActorError):
            self.flush(attempts)  # the host may be running them all the same

    def _tell(self, attempt: AttemptId, end: Returned | Exception) -> bool:
        waiting = self._expected.pop(attempt, None)
        self._posts.pop(attempt, None)
        try:
            return waiting is not None and waiting.take_end(end)
        except Exception:  # noqa: BLE001 -- whatever is wrong with one attempt, the others must hear of their ends
            _log.exception("the end of attempt %s could not be reported", attempt)
            return True


def settled(future: asyncio.Future[Returned], end: Returned | Exception) -> bool:
    """Give an end, or its error, to a future; whether anybody can still wait for it."""
    if future.done():
        return False
    if isinstance(end, Exception):
        future.set_exception(end)
    else:
        future.set_result(end)
    return True
