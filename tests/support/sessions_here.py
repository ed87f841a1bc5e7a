"""Sessions whose Ray tasks are played on the event loop of a test, without Ray."""

import asyncio
import pickle

from attempts import until

from actors.executor.host_link import WaitingFuture
from actors.executor.host_socket import connected
from actors.executor.messages import Returned, unpacked
from actors.executor.session_place import AwaitedSession
from actors.executor.worker_session import OVER, SessionBegan
from actors.executor.worker_sessions import WorkerSessions
from actors.invocation import Ended, Invocation
from planners.agents import AgentKind
from planners.model import NodeId
from planners.resources import Resources
from reconciler.state.handoff import Handoff

NODE, A, B = NodeId("n1"), ("a", NodeId("n1")), ("b", NodeId("n1"))
ONE_CPU = Resources(cpus=1)


def ends(session, call):
    """Start an attempt: its end."""
    end = asyncio.get_running_loop().create_future()
    session.run(call, WaitingFuture(end))
    return end


class TaskHere:
    """The Ray task of a session on this event loop. ``got``: what the executor has sent."""

    def __init__(self, address, number):
        self._address, self.number = address, number
        self.got, self._stream = [], None
        self._end = asyncio.get_running_loop().create_future()

    async def completed(self):
        return await asyncio.shield(self._end)

    async def begin(self):
        self._stream = await connected(self._address, self._receive, lambda: None)
        self._stream.send(pickle.dumps(SessionBegan(self.number, 1, f"stack-{self.number}")))

    def returns(self, attempt, *, large=False):
        handoff = Handoff(output=None if large else attempt, by_reference=large)
        self._stream.send(pickle.dumps(Returned(attempt, Ended(0.0, handoff))))

    def stops_reading(self):
        """Whatever it gets from now on, it has not read when it ends."""
        self._stream._transport.pause_reading()

    def disconnects(self):
        """Its connection has ended; Ray does not tell yet that its process has."""
        self._stream.close()

    def ends(self, error=None):
        if self._stream is not None:
            self._stream.close()
        if error is None:
            self._end.set_result(None)
        else:
            self._end.set_exception(error)

    async def gone(self):
        """Whatever has become of it, it ends now."""
        if not self._end.done():
            self.ends()
        await until(lambda: self._stream is None or self._stream.is_closed)

    def _receive(self, message):
        self.got.append(None if message == OVER else unpacked(message).attempt)


class Worker:
    """Starts such tasks; ``tasks`` are those of an agent."""

    def __init__(self):
        self.tasks = []

    def remote(self, address, number):
        self.tasks.append(TaskHere(address, number))
        return self.tasks[-1]


class SessionsHere:
    """Sessions on a node with two CPUs. ``cancelled``: the Ray tasks that were cancelled."""

    def __init__(self):
        self.cancelled, self.workers, self.made = [], {}, []
        self.sessions = WorkerSessions(lambda _: Resources(cpus=2), 3, self.cancelled.append)

    def tasks(self, key=A):
        return self.workers[key].tasks

    async def place(self, key=A, needs=ONE_CPU):
        return await self.sessions.place(key, needs, lambda: self._worker(key))

    def _worker(self, key):
        self.workers[key] = Worker()
        self.made.append(self.workers[key])
        return self.workers[key]

    async def run(self, attempt, key=A, needs=ONE_CPU):
        """Wait for a session and start an attempt there: the session and the end."""
        session = await AwaitedSession().at(await self.place(key, needs))
        return session, ends(session, a_call(attempt))

    async def begun(self, attempt, key=A, needs=ONE_CPU):
        """As `run`, in a session that begins now."""
        waiting = asyncio.ensure_future(self.run(attempt, key, needs))
        before = sum(len(worker.tasks) for worker in self.made)
        await until(lambda: sum(len(worker.tasks) for worker in self.made) > before)
        await self.tasks(key)[-1].begin()
        return await waiting

    async def idle(self, attempt="t.0", key=A):
        """A session that has nothing to do."""
        session, end = await self.begun(attempt, key)
        self.tasks(key)[-1].returns(attempt)
        await end
        return session


def a_call(attempt):
    known = {"task": "t", "agent": "a", "kind": AgentKind.SYNC, "work_key": "k", "inputs": {}}
    return Invocation(attempt=attempt, target="x:y", **known)
