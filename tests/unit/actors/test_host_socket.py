"""Messages of any length arrive whole and in order, and only from who knows the key."""

import asyncio
from dataclasses import replace

import pytest

from actors.executor.host_socket import HostSocket, SocketAddress, connected

GUARD_S = 30.0


class Host:
    """A host that sends back what it receives."""

    def __init__(self):
        self.received, self.streams = [], []
        self.socket = HostSocket(self.streams.append, self._answer)

    def _answer(self, message):
        self.received.append(message)
        self.streams[0].send(message[::-1])


class Executor:
    """What an executor hears. ``lost`` is set when the connection has ended."""

    def __init__(self):
        self.messages, self.lost = asyncio.Queue(), asyncio.Event()

    async def connect(self, address):
        return await connected(address, self.messages.put_nowait, self.lost.set)

    async def next(self):
        return await asyncio.wait_for(self.messages.get(), GUARD_S)

    async def is_refused(self):
        await asyncio.wait_for(self.lost.wait(), GUARD_S)


@pytest.fixture
async def host():
    made = Host()
    yield made
    made.socket.close()
    await asyncio.sleep(0)


@pytest.fixture
async def executor():
    return Executor()


@pytest.mark.parametrize("length", [0, 1, 3, 4, 100, 3_000_000])
async def test_messages_of_any_length_arrive_whole_and_in_order(host, executor, length):
    stream = await executor.connect(await host.socket.listen())
    sent = [bytes([number]) * length + b"!" for number in range(5)]

    for message in sent:
        stream.send(message)

    assert [await executor.next() for _ in sent] == [message[::-1] for message in sent]
    assert host.received == sent
    stream.close()
    await executor.is_refused()


async def test_who_does_not_know_the_key_is_refused_and_nothing_is_read(host, executor):
    address = await host.socket.listen()
    stream = await executor.connect(replace(address, key=b"x" * len(address.key)))
    stream.send(b"orders")

    await executor.is_refused()

    assert host.received == []
    assert host.streams == []


async def test_a_first_message_that_is_longer_than_a_key_is_refused(host, executor):
    address = await host.socket.listen()
    await executor.connect(replace(address, key=address.key + b"x"))

    await executor.is_refused()

    assert host.streams == []


async def test_after_a_wrong_key_the_executor_can_still_connect(host, executor):
    address, stranger = await host.socket.listen(), Executor()
    await stranger.connect(replace(address, key=b"x"))
    await stranger.is_refused()

    stream = await executor.connect(address)
    stream.send(b"ab")

    assert await executor.next() == b"ba"
    stream.close()
    await executor.is_refused()


async def test_only_one_executor_can_connect(host, executor):
    address = await host.socket.listen()
    stream = await executor.connect(address)
    stream.send(b"ab")
    await executor.next()

    assert await Executor().connect(address) is None
    stream.close()
    await executor.is_refused()


async def test_what_was_sent_before_the_end_arrives_before_it(host, executor):
    stream = await executor.connect(await host.socket.listen())
    stream.send(b"ab")
    await executor.next()

    for number in range(100):
        host.streams[0].send(str(number).encode())
    host.streams[0].close()

    assert [await executor.next() for _ in range(100)] == [str(number).encode() for number in range(100)]
    await executor.is_refused()


async def test_an_address_on_another_machine_cannot_be_reached(executor):
    assert await executor.connect(SocketAddress("\0forerun-elsewhere", b"key")) is None


async def test_the_key_is_not_shown(host):
    address = await host.socket.listen()

    assert str(address.key) not in repr(address)
