"""Hosts of async agents on the event loop of a test, and an executor that uses them, without Ray."""

import asyncio
from types import SimpleNamespace

from attempts import until
from ray.exceptions import RayActorError

from actors.executor.containment import RunningMark
from actors.executor.host import HostProcess
from actors.executor.host_attempts import HostAttempts
from actors.executor.host_executor import HostExecutor
from actors.executor.host_link import HostLink
from actors.executor.host_socket import HostSocket
from actors.executor.hosted import HostedAttempt
from actors.executor.hosts import HostEnd, RunningHost
from actors.executor.messages import Orders, packed, unpacked
from planners.model import NodeId

NODE = NodeId("n1")


class HostHere:
    """A host actor on this event loop. ``calls`` names the methods that were called; `die` ends it."""

    def __init__(self, mark):
        self.streams = []
        self.attempts, self.calls, self._death = HostAttempts(mark), [], asyncio.get_running_loop().create_future()
        for name, method in (("take", self._take), ("exchange", self._exchange)):
            setattr(self, name, SimpleNamespace(remote=self._remote(name, method)))
        self.body = SimpleNamespace(remote=self._body)

    async def listen(self):
        def connected(stream):
            self.streams.append(stream)
            self.attempts.send_to(lambda returned: stream.send(packed(returned)))

        listening = HostSocket(connected, lambda orders: self.attempts.take(unpacked(orders)))
        return await listening.listen()

    async def closed(self, link):
        """End the connection of a link and wait until both ends know."""
        link.close()
        for stream in self.streams:
            await until(lambda stream=stream: stream.is_closed)

    def die(self):
        self._death.set_exception(RayActorError())
        self._death.exception()  # nobody may be waiting for it
        for stream in self.streams:
            stream.close()

    def _remote(self, name, method):
        def remote(*arguments):
            self.calls.append(name)
            return self._alive(method(*arguments))

        return remote

    async def _alive(self, answering):
        answer = asyncio.ensure_future(answering)
        await asyncio.wait({answer, self._death}, return_when=asyncio.FIRST_COMPLETED)
        if self._death.done():
            answer.cancel()
            return await self._death
        return answer.result()

    async def _take(self, orders, *blobs):
        self.attempts.take(unpacked(orders), [await blob for blob in blobs])

    async def _exchange(self, orders):
        self.attempts.take(unpacked(orders))
        return packed(await self.attempts.results())

    def _body(self, attempt):
        self.calls.append("body")
        body = self.attempts.body(attempt)
        return asyncio.sleep(0), asyncio.sleep(0, body)


class HostsHere:
    """Fulfils what an executor needs of `Hosts`. ``ended``: the hosts whose end was asked for."""

    def __init__(self, folder):
        self._folder, self.culprit = folder, None
        self.made, self.ended = [], []
        self._ready = None

    def ready(self, node):
        return self._ready

    async def on(self, node):
        if self._ready is None:
            here = HostHere(RunningMark(self._folder / f"mark-{len(self.made)}"))
            link = HostLink(here)
            await link.connect(await here.listen())
            self.made.append(here)
            self._ready = RunningHost(node, here, link, HostProcess(0, ""))
        return self._ready

    async def end_of(self, host):
        self.ended.append(host)
        self._ready = None
        return HostEnd(self.culprit, blocked=False)

    async def close(self):
        for here in self.made:
            here.attempts.take(Orders(flushed=list(here.attempts.running)))
            for stream in here.streams:
                stream.close()
                await until(lambda stream=stream: stream.is_closed)


class HereExecutor(HostExecutor):
    """Runs async agents in hosts on this event loop. ``alone``: the attempts that were to run in another process."""

    def __init__(self, catalog, folder, **options):
        super().__init__(catalog, 10.0, **options)
        self.alone = []
        self.hosts = self._hosts = HostsHere(folder)
        self._groups = SimpleNamespace(of=lambda agent: self.hosts)
        self._probe = SimpleNamespace(is_alive=self._is_alive)

    async def _is_alive(self, node):
        return True

    async def _run(self, hosted, agent, call, bound):
        return await self._in_hosts(hosted, agent, call, bound)

    async def _in_worker(self, hosted, agent, call, bound):
        self.alone.append(call.attempt)
        raise NotImplementedError

    def _cancelled(self, attempts):
        for hosted in attempts:
            if isinstance(hosted.handle, HostLink):
                hosted.handle.flush([hosted.order.attempt])

    async def _promote(self, call, staged):
        raise NotImplementedError

    async def _verify(self, call):
        raise NotImplementedError

    def has_task_of(self, attempt):
        """Whether an asyncio task waits for a live attempt."""
        return self._hosted(attempt).waiter is not None

    def _hosted(self, attempt) -> HostedAttempt:
        return next(live[attempt] for live in self._live.values() if attempt in live)
