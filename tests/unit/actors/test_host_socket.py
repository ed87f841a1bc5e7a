"""Messages of any length arrive whole and in order, and only from who knows the key."""

import asyncio
from dataclasses import replace

import pytest
from attempts import until

from actors.executor.host_socket import BlockingConnection, HostSocket, KeyedSocket, SocketAddress, connected

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


@pytest.mark.parametrize("length", [0, 1, 3_000_000])
async def test_a_process_without_an_event_loop_exchanges_messages_of_any_length(host, length):
    address, sent = await host.socket.listen(), [bytes([number]) * length for number in range(3)]

    def talk():
        connection = BlockingConnection(address)
        for message in sent:
            connection.send(message)
        answers = [connection.receive() for _ in sent]
        connection.close()
        return answers

    assert await asyncio.to_thread(talk) == sent
    assert host.received == sent


async def test_a_process_that_waits_for_a_message_is_told_that_the_connection_has_ended(host):
    address = await host.socket.listen()

    def listen():
        connection = BlockingConnection(address)
        received = connection.receive()
        connection.close()
        return received

    waiting = asyncio.create_task(asyncio.to_thread(listen))
    await until(lambda: host.streams)

    host.streams[0].close()

    assert await waiting is None


async def test_many_may_connect_where_not_only_one_is_expected(executor):
    streams = []
    listening = KeyedSocket(streams.append, once=False)
    address = await listening.listen()

    connections = [await executor.connect(address) for _ in range(3)]
    await until(lambda: len(streams) == len(connections))

    listening.close()
    for stream in connections:
        stream.close()
    await until(lambda: all(stream.is_closed for stream in streams))
