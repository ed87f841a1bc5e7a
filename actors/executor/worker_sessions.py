"""All sessions of an executor: when they begin, and when they end so that others get their resources.

A session ends

- once it is `LEASE_S` old, so that whoever waits for its resources has a turn in Ray's own order,
- once it has had nothing to do for `LINGER_S`: until then the next step of a chain finds it,
- at once if it has nothing to do while other attempts of this executor lack room on its node.
"""

import asyncio
import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray

from actors.executor.host_socket import KeyedSocket, MessageStream, SocketAddress
from actors.executor.open_session import SessionTask, WorkerSession
from actors.executor.readings import Held
from actors.executor.session_place import SessionPlace
from actors.executor.worker_session import OVER, SessionBegan
from planners.model import AgentName, NodeId
from planners.resources import Resources

# As long as Ray lets a worker have tasks of one kind, by default.
LEASE_S = 0.5
LINGER_S = 0.05
# What has not begun for so long lacks room.
_PATIENCE_S = 0.02
_ROUNDING = 1e-6

Place = tuple[AgentName, NodeId]


def cancel_ray_task(task: Any) -> None:
    """Cancel a Ray task; its process ends.

    Without force Ray would interrupt the process, which may have gone on to another task by then.
    """
    ray.cancel(task, force=True)


class WorkerSessions:
    """The sessions of all agents and nodes. Lives on one event loop; fulfils `Surroundings`."""

    def __init__(
        self,
        total: Callable[[NodeId], Resources | None],
        processes_per_node: int,
        cancel: Callable[[Any], None] = cancel_ray_task,
    ) -> None:
        """Set up; starts nothing.

        Args:
            total: what a node has; None where that is not known.
            processes_per_node: how many sessions may be on a node whose resources do not bound them.
            cancel: cancels the Ray task of a session, and ends its process.
        """
        self._total = total
        self._processes_per_node = processes_per_node
        self._cancel_task = cancel
        self._places: dict[Place, SessionPlace] = {}
        self._retired: list[SessionPlace] = []
        self._expected: dict[int, WorkerSession] = {}
        self._numbers = 0
        self._streams: set[MessageStream] = set()
        self._socket = KeyedSocket(self._connected, once=False)
        self._listening: asyncio.Task[SocketAddress | None] | None = None
        self._address: SocketAddress | None = None
        self._elsewhere = Counter[NodeId]()
        self._look: asyncio.TimerHandle | None = None

    def known(self, key: Place) -> SessionPlace | None:
        """A place that was asked for before; None if it was not, or if there can be no sessions."""
        place = self._places.get(key)
        return None if place is None or place.unreachable else place

    async def place(self, key: Place, needs: Resources, worker: Callable[[], Any]) -> SessionPlace | None:
        """Where the attempts of an agent get their sessions; None if there can be none.

        Args:
            key: agent and node.
            needs: what each session holds.
            worker: makes the function that is the Ray task, `actors.executor.worker_session.session` with options.
        """
        if self._listening is None:
            self._listening = asyncio.ensure_future(self._socket.listen())
        self._address = await asyncio.shield(self._listening)
        if key not in self._places and self._address is not None:
            self._places[key] = SessionPlace(self, key[1], needs, worker())
        return self.known(key)

    def held(self) -> dict[NodeId, Held]:
        """What sessions without an attempt hold on each node, or wait for there."""
        held: dict[NodeId, Held] = {}
        for place in self._all():
            if count := place.idle + place.starting:
                here = held.get(place.node, Held())
                held[place.node] = Held(here.running, here.waiting + place.needs.times(count))
        return held

    @contextmanager
    def making_room(self, node: NodeId, needs: Resources) -> Iterator[None]:
        """While this context is open, something else waits for resources of a node: no session stays there idle."""
        if not needs.amounts():
            yield
            return
        self._elsewhere[node] += 1
        self._make_room(node, needs)
        try:
            yield
        finally:
            self._elsewhere[node] -= 1

    def retire(self) -> None:
        """Later attempts get sessions in new processes."""
        leaving, self._places = list(self._places.values()), {}
        self._retired = [place for place in (*self._retired, *leaving) if place.sessions]
        for place in leaving:
            place.retired = True
            place.dismiss_idle(asyncio.get_running_loop().time())

    def drop(self, node: NodeId) -> list[SessionTask]:
        """A node is lost: the Ray tasks that were there."""
        here = [place for place in self._all() if place.node == node]
        self._places = {key: place for key, place in self._places.items() if key[1] != node}
        self._retired = [place for place in self._retired if place.node != node]
        return [task for place in here for task in place.drop()]

    def close(self) -> None:
        """End all sessions."""
        self._socket.close()
        if self._listening is not None:
            self._listening.cancel()
        if self._look is not None:
            self._look.cancel()
        for place in self._all():
            place.dismiss_idle(asyncio.get_running_loop().time())
            for task in place.drop():
                self._cancel_task(task)
        for stream in self._streams:  # also of sessions that are ending
            stream.close()

    # ---- what a place asks

    def begin(self, place: SessionPlace) -> WorkerSession:
        """See `Surroundings`."""
        self._numbers += 1
        session = WorkerSession(place, self._numbers, place.worker.remote(self._address, self._numbers))
        self._expected[session.number] = session
        self._make_room(place.node, place.needs)
        return session

    def most(self, place: SessionPlace) -> int:
        """See `Surroundings`."""
        total, needs = self._total(place.node), place.needs.amounts()
        if total is None or not needs:
            return self._processes_per_node
        there = total.amounts()
        return max(1, min(int(there.get(name, 0.0) / need + _ROUNDING) for name, need in needs.items()))

    def keeps(self, session: WorkerSession) -> bool:
        """See `Surroundings`."""
        return asyncio.get_running_loop().time() - session.began_s <= LEASE_S

    def lingers(self, place: SessionPlace) -> bool:
        """See `Surroundings`."""
        if place.retired or (place.needs.amounts() and self._lacks_room(place.node, place)):
            return False
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(LINGER_S, self._dismiss_idle)
        return True

    def forget(self, session: WorkerSession) -> None:
        """See `Surroundings`."""
        self._expected.pop(session.number, None)

    def cancel(self, task: SessionTask) -> None:
        """See `Surroundings`."""
        self._cancel_task(task)

    # ----

    def _all(self) -> list[SessionPlace]:
        return [*self._places.values(), *self._retired]

    def _lacks_room(self, node: NodeId, but: SessionPlace | None = None) -> bool:
        """Whether something waits for resources of a node."""
        if self._elsewhere[node]:
            return True
        others = (place for place in self._all() if place is not but and place.node == node)
        return any(place.starting and place.needs.amounts() for place in others)

    def _make_room(self, node: NodeId, needs: Resources) -> None:
        """Something is to begin on a node: idle sessions end, at once if they are in its way, else if it waits."""
        if not needs.amounts():
            return
        held = Resources()
        for place in self._all():
            if place.node == node:
                held += place.needs.times(place.sessions)
        total = self._total(node)
        if total is None or not (held + needs).fits(total):
            self._dismiss_idle_on(node)
        else:
            asyncio.get_running_loop().call_later(_PATIENCE_S, self._clear, node)

    def _clear(self, node: NodeId) -> None:
        if self._lacks_room(node):
            self._dismiss_idle_on(node)

    def _dismiss_idle_on(self, node: NodeId) -> None:
        for place in self._all():
            if place.node == node and place.needs.amounts():
                place.dismiss_idle(asyncio.get_running_loop().time())

    def _dismiss_idle(self) -> None:
        loop, self._look = asyncio.get_running_loop(), None
        for place in self._all():
            place.dismiss_idle(loop.time() - LINGER_S)
        self._retired = [place for place in self._retired if place.sessions]
        if any(place.idle for place in self._all()):
            self._look = loop.call_later(LINGER_S, self._dismiss_idle)

    def _connected(self, stream: MessageStream) -> None:
        self._streams.add(stream)
        stream.on_message, stream.on_lost = self._introduced, lambda: self._streams.discard(stream)

    def _introduced(self, stream: MessageStream, message: bytes) -> None:
        """The first message of a session."""
        began: SessionBegan = pickle.loads(message)  # noqa: S301 -- only Forerun's own processes have the key
        session = self._expected.get(began.number)
        if session is None:
            stream.send(OVER)
            return

        def lost() -> None:
            self._streams.discard(stream)
            session.disconnected()

        stream.on_message, stream.on_lost = lambda _, later: session.take(later), lost
        session.begun(began, stream)
