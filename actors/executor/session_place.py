"""The executor's side of sessions: which of an agent's attempts run one after another in the same Ray task.

A *place* is an agent on a node. Its attempts queue here, not in Ray, and each session that is free takes the next one.
A place asks Ray for as many sessions as attempts wait, up to what its node can hold at once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Protocol

from ray import exceptions as rx

from actors.executor.open_session import PROCESS_LOST, NeverBegan, SessionTask, WorkerSession
from actors.executor.worker_session import SessionUnreachable
from planners.model import NodeId
from planners.resources import Resources

# What a process has sent before its death may be read later than Ray tells of it.
_LAST_WORDS_S = 0.5


class SessionRequest(Protocol):
    """An attempt that waits for a session. It gets one, or an error, unless it is withdrawn before."""

    def take_session(self, session: WorkerSession) -> None:
        """A session that is free."""
        ...

    def take_error(self, error: Exception) -> None:
        """Ray cannot start one; `NeverBegan` if its process or node was lost.

        A RayTaskError with cause `SessionUnreachable`: there can be none at this place.
        """
        ...


class AwaitedSession:
    """A request whose session a coroutine awaits."""

    def __init__(self) -> None:
        """Request nothing yet."""
        self._future: asyncio.Future[WorkerSession] = asyncio.get_running_loop().create_future()
        self._session: WorkerSession | None = None

    def take_session(self, session: WorkerSession) -> None:
        """See `SessionRequest`."""
        self._session = session
        if not self._future.done():
            self._future.set_result(session)

    def take_error(self, error: Exception) -> None:
        """See `SessionRequest`."""
        if not self._future.done():
            self._future.set_exception(error)

    async def at(self, place: "SessionPlace") -> WorkerSession:
        """Wait for a session of a place. Raises what `take_error` gets."""
        place.request(self)
        try:
            return await self._future
        except asyncio.CancelledError:
            place.withdraw(self)
            if self._session is not None:
                place.free(self._session)
            raise


class Surroundings(Protocol):
    """What a place needs to know of the others; see `actors.executor.worker_sessions`."""

    def begin(self, place: "SessionPlace") -> WorkerSession:
        """Ask Ray for a session, which has yet to begin."""
        ...

    def most(self, place: "SessionPlace") -> int:
        """How many sessions its node can hold at once, as far as that is known."""
        ...

    def keeps(self, session: WorkerSession) -> bool:
        """Whether a session may have another attempt, though others may wait for its resources."""
        ...

    def lingers(self, place: "SessionPlace") -> bool:
        """Whether a session that has nothing to do stays for a while."""
        ...

    def forget(self, session: WorkerSession) -> None:
        """It gets no attempt any more."""
        ...

    def cancel(self, task: SessionTask) -> None:
        """Cancel the Ray task; its process ends, if there is one."""
        ...


class SessionPlace:
    """The sessions of one agent on one node, and its attempts that wait for one. Lives on one event loop."""

    def __init__(self, around: Surroundings, node: NodeId, needs: Resources, worker: Any) -> None:
        """Set up; starts nothing. ``needs``: what each session holds. ``worker``: the function that is its Ray task."""
        self.node, self.needs, self.worker = node, needs, worker
        self.unreachable = self.retired = False
        self._around = around
        self._sessions: dict[int, WorkerSession] = {}
        self._starting: dict[int, WorkerSession] = {}
        self._idle: list[WorkerSession] = []
        self._requests: OrderedDict[SessionRequest, None] = OrderedDict()
        self._following: set[asyncio.Task[None]] = set()

    @property
    def starting(self) -> int:
        """How many sessions have yet to begin."""
        return len(self._starting)

    @property
    def idle(self) -> int:
        """How many sessions have nothing to do."""
        return len(self._idle)

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return len(self._sessions)

    def request(self, wanted: SessionRequest) -> None:
        """Give it a session, at once if one is free."""
        if self._idle:
            wanted.take_session(self._idle.pop())
        else:
            self._requests[wanted] = None
            self._start()

    def withdraw(self, wanted: SessionRequest) -> None:
        """It needs no session any more. Nothing happens if it has got one."""
        if wanted not in self._requests:
            return
        del self._requests[wanted]
        for session in list(self._starting.values())[len(self._requests) :]:
            self._leave(session)
            self._around.cancel(session.task)

    def begun(self, session: WorkerSession) -> None:
        """The process of a session is there."""
        self._starting.pop(session.number, None)
        self.free(session)

    def free(self, session: WorkerSession) -> None:
        """A session has nothing to do: it gets the next attempt, waits for one, or ends."""
        if session.gone:
            return
        if self._around.keeps(session):
            if self._requests:
                wanted, _ = self._requests.popitem(last=False)
                wanted.take_session(session)
                return
            if self._around.lingers(self):
                session.idle_s = asyncio.get_running_loop().time()
                self._idle.append(session)
                return
        self._dismiss(session)

    def dismiss_idle(self, since_s: float) -> None:
        """End the sessions that have had nothing to do since then, or for longer."""
        for session in [session for session in self._idle if session.idle_s <= since_s]:
            self._idle.remove(session)
            self._dismiss(session)

    def cancel(self, session: WorkerSession) -> None:
        """End the process of a session."""
        self.leave(session)
        session.close()
        self._around.cancel(session.task)

    def leave(self, session: WorkerSession) -> None:
        """A session gets no attempt any more."""
        self._leave(session)
        self._start()

    def drop(self) -> Iterable[SessionTask]:
        """Forget all sessions; their Ray tasks. Attempts that still wait here would wait for ever."""
        dropped = list(self._sessions.values())
        for session in dropped:
            self._leave(session)
            session.close()
        return [session.task for session in dropped]

    def _dismiss(self, session: WorkerSession) -> None:
        """End a session. Until its Ray task has ended it counts: Ray would start another process for one more."""
        session.gone = True
        session.let_go()

    def _leave(self, session: WorkerSession) -> None:
        session.gone = True
        self._sessions.pop(session.number, None)
        self._starting.pop(session.number, None)
        if session in self._idle:
            self._idle.remove(session)
        self._around.forget(session)

    def _start(self) -> None:
        """Ask Ray for sessions, if attempts wait for them."""
        while len(self._starting) < len(self._requests) and len(self._sessions) < self._around.most(self):
            session = self._around.begin(self)
            self._sessions[session.number] = self._starting[session.number] = session
            following = asyncio.get_running_loop().create_task(self._follow(session))
            self._following.add(following)
            following.add_done_callback(self._following.discard)

    async def _follow(self, session: WorkerSession) -> None:
        """Wait for the end of a session. If it was lost, so is its attempt."""
        lost = await _end_of(session.task)
        starting = session.number in self._starting
        if session.stream is not None:
            await _within(_LAST_WORDS_S, session.closed)
        if starting:
            self._fail_waiting(NeverBegan(lost) if isinstance(lost, PROCESS_LOST) else lost)
        if session.number in self._sessions:
            self.leave(session)
        session.fail(lost)

    def _fail_waiting(self, error: Exception) -> None:
        """Ray has started no session: the attempt that it was for fails, or all if there can be none."""
        self.unreachable = isinstance(error, rx.RayTaskError) and isinstance(error.cause, SessionUnreachable)
        while self._requests:
            wanted, _ = self._requests.popitem(last=False)
            wanted.take_error(error)
            if not self.unreachable:
                return


async def _end_of(task: SessionTask) -> Exception:
    """Wait for the end of a Ray task: why whatever still waits for it waits in vain."""
    try:
        await task.completed()
    except Exception as error:  # noqa: BLE001 -- whatever ended it, the attempt must hear of it
        return error
    return rx.WorkerCrashedError()


async def _within(seconds: float, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
