"""A socket between an executor and a process of the same machine. A message costs a tenth of an actor call.

One side listens on an abstract address, which leaves no file behind, and the other learns name and key through Ray. The
key must be the first message of a connection; nothing else is read before it, because messages are pickles. Processes
on other machines cannot connect.
"""

import asyncio
import hmac
import secrets
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

_LENGTH_BYTES = 4
_KEY_BYTES = 32
_MOST_READ_BYTES = 1 << 20


def _nothing(*_: object) -> None:
    """Stands for the callbacks of a connection that has ended."""


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """Where a process listens. ``key``: what must be sent first."""

    name: str
    key: bytes = field(repr=False)


class MessageStream(asyncio.Protocol):
    """Whole messages over a stream, each preceded by its length. Lives on one event loop.

    ``left_unread``: the connection has ended, and the other side has certainly not read the last message to its end.
    """

    def __init__(
        self,
        on_message: Callable[["MessageStream", bytes], None],
        on_lost: Callable[[], None],
        most_bytes: int | None = None,
    ) -> None:
        """Set up.

        Args:
            on_message: called with each message, one in a turn of the event loop.
            on_lost: called once when the connection has ended, after the last message.
            most_bytes: the stream ends at a message that is longer; None: no limit.
        """
        self.on_message = on_message
        self.most_bytes = most_bytes
        self.on_lost = on_lost
        self.left_unread = False
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._next: asyncio.Handle | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the connection has ended."""
        return self._transport is None

    def send(self, message: bytes) -> None:
        """Send a message. If the connection is lost, nothing happens but that it counts as unread."""
        if self._transport is None or self._transport.is_closing():
            self.left_unread = True
        else:
            self._transport.write(len(message).to_bytes(_LENGTH_BYTES, "little") + message)

    def close(self) -> None:
        """End the connection, once what was sent before has been written."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._received += data
        if self._next is None:
            self._deliver()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = None
        # Linux resets a connection whose other end was closed, or has died, before all was read that it had got.
        self.left_unread = self.left_unread or isinstance(exc, ConnectionResetError | BrokenPipeError)
        if self._next is not None:
            self._next.cancel()
        while self._message_bytes() is not None:
            self._take()
        on_lost, self.on_lost = self.on_lost, _nothing
        self.on_message = _nothing  # else a cycle keeps what they refer to until garbage is collected
        on_lost()

    def _deliver(self) -> None:
        """Pass on one message, and the next one after others had a turn."""
        self._next = None
        if self._message_bytes() is None:
            return
        self._take()
        if self._message_bytes() is not None:
            self._next = asyncio.get_running_loop().call_soon(self._deliver)

    def _message_bytes(self) -> int | None:
        """The length of the next message; None if it is not complete."""
        if len(self._received) < _LENGTH_BYTES:
            return None
        length = int.from_bytes(self._received[:_LENGTH_BYTES], "little")
        if self.most_bytes is not None and length > self.most_bytes:
            self._received.clear()
            self.close()
            return None
        return length if len(self._received) >= _LENGTH_BYTES + length else None

    def _take(self) -> None:
        end = _LENGTH_BYTES + (self._message_bytes() or 0)
        message = bytes(self._received[_LENGTH_BYTES:end])
        del self._received[:end]
        self.on_message(self, message)


class KeyedSocket:
    """Listens for those who have its key."""

    def __init__(self, connected: Callable[[MessageStream], None], *, once: bool) -> None:
        """Set up.

        Args:
            connected: called with each connection; sets what becomes of its messages.
            once: nobody can connect after the first.
        """
        self._connected = connected
        self._once = once
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._server: asyncio.Server | None = None

    async def listen(self) -> SocketAddress | None:
        """Listen; None where that is not possible."""
        if sys.platform != "linux":
            return None  # abstract addresses are Linux's own
        name = f"\0forerun-{secrets.token_hex(16)}"
        try:
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(name)
            self._server = await asyncio.get_running_loop().create_unix_server(self._stranger, sock=listening)
        except OSError:
            return None
        return SocketAddress(name, self._key)

    def close(self) -> None:
        """Stop listening. The connection that there is goes on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _stranger(self) -> MessageStream:
        return MessageStream(self._check, lambda: None, most_bytes=_KEY_BYTES)

    def _check(self, stream: MessageStream, message: bytes) -> None:
        """The first message of a connection."""
        if self._server is None or not hmac.compare_digest(message, self._key):
            stream.close()
            return
        if self._once:
            self.close()
        stream.most_bytes = None
        self._connected(stream)


class HostSocket(KeyedSocket):
    """The host's end: one executor may connect, once."""

    def __init__(self, connected: Callable[[MessageStream], None], received: Callable[[bytes], None]) -> None:
        """Set up.

        Args:
            connected: called when the executor has connected.
            received: called with each of its messages.
        """

        def take(stream: MessageStream) -> None:
            stream.on_message = lambda _, message: received(message)
            connected(stream)

        super().__init__(take, once=True)


class BlockingConnection:
    """The other end in a process that has no event loop, and only waits for the next message."""

    def __init__(self, address: SocketAddress) -> None:
        """Connect. Raises OSError if the address cannot be reached from this machine."""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(address.name)
        except OSError:
            self._socket.close()
            raise
        self.send(address.key)

    def send(self, message: bytes) -> None:
        """Send a message. Raises OSError if the connection is lost."""
        self._socket.sendall(len(message).to_bytes(_LENGTH_BYTES, "little") + message)

    def receive(self) -> bytes | None:
        """Wait for the next message; None if the other side has ended the connection."""
        header = self._read(_LENGTH_BYTES)
        return None if header is None else self._read(int.from_bytes(header, "little"))

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _read(self, size: int) -> bytes | None:
        parts: list[bytes] = []
        while size:
            try:
                part = self._socket.recv(min(size, _MOST_READ_BYTES))
            except ConnectionError:
                return None
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


async def connected(
    address: SocketAddress, received: Callable[[bytes], None], on_lost: Callable[[], None]
) -> MessageStream | None:
    """Connect to a host; None if it cannot be reached from this machine.

    Args:
        address: of the host.
        received: called with each of its messages.
        on_lost: called once when the connection has ended.
    """
    connecting = socket.socket(socket.AF_UNIX)
    connecting.setblocking(False)  # a connection within a machine is made at once or not at all
    try:
        connecting.connect(address.name)
    except OSError:
        connecting.close()
        return None
    stream = MessageStream(lambda _, message: received(message), on_lost)
    await asyncio.get_running_loop().create_unix_connection(lambda: stream, sock=connecting)
    stream.send(address.key)
    return stream
