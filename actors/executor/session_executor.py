"""Runs attempts in processes of their own: one after another in sessions, where that is possible."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Unpack

from actors.executor.host_executor import GRACE_S, HostExecutor
from actors.executor.host_link import WaitingFuture
from actors.executor.hosted import ExecutorOptions, HostedAttempt
from actors.executor.messages import Returned
from actors.executor.nodes import ray_amounts
from actors.executor.open_session import NeverBegan, WorkerSession
from actors.executor.session_place import AwaitedSession, SessionPlace
from actors.executor.waits import Stage
from actors.executor.worker_session import session as session_task
from actors.executor.worker_sessions import WorkerSessions
from actors.failures import timed_out
from actors.invocation import Ended, Invocation
from actors.kinds.kind import kind_of
from actors.payloads.outputs import BoundInputs
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.cluster import ClusterNode
from planners.model import NodeId, TaskId
from planners.resources import Resources
from reconciler.runtime.ports import Report
from reconciler.state.commands import Dispatch

Room = Callable[[NodeId], tuple[ClusterNode | None, Resources | None]]


def unknown_room(_: NodeId) -> tuple[None, None]:
    """Nothing is known of any node."""
    return None, None


class SessionExecutor(HostExecutor):
    """Gives attempts that need a process to themselves the sessions of their agent on their node."""

    def __init__(
        self,
        catalog: Catalog,
        heartbeat_timeout_s: float,
        processes_per_node: int,
        room: Room,
        **options: Unpack[ExecutorOptions],
    ) -> None:
        """Set up; starts nothing. See `RayExecutor`."""
        super().__init__(catalog, heartbeat_timeout_s, **options)
        self._room = room
        self._sessions = WorkerSessions(self._total, processes_per_node)
        self._took_session_end = self._session_returned  # bound once: thousands of attempts keep it

    def dispatch(self, task: TaskId, order: Dispatch, report: Report) -> None:
        """See `FencedExecutor.dispatch`. An attempt that waits for nothing but a session has no asyncio task."""
        agent = self.catalog.by_name.get(order.agent)
        place = None if agent is None else self._place_at_once(order, agent)
        if agent is None or place is None or order.attempt in self._live.setdefault(task, {}):
            super().dispatch(task, order, report)
        else:
            self._queue(HostedAttempt(task, order, report, self._limits), agent, place)

    def _place_at_once(self, order: Dispatch, agent: AgentSpec) -> SessionPlace | None:
        """Where an attempt waits for a session and for nothing else; None if that is not certain."""
        place = self._sessions.known((agent.name, order.node))
        # Agents without resources wait for one of the processes of their node, too.
        known = place is not None and place.needs.amounts() and order.node not in self._lost_nodes
        return place if known and self._is_simple(order, agent) else None

    def _queue(self, hosted: HostedAttempt, agent: AgentSpec, place: SessionPlace) -> None:
        if (taken := self._taken(hosted, agent)) is None:
            return
        call, bound = taken
        if bound.blobs:
            self._wait_for(hosted)
            return
        if call.logs is not None:
            self._hosts.follow(hosted.order.node)
        hosted.stage, hosted.returned = Stage.RESOURCES, self._took_session_end
        hosted.sent = QueuedAttempt(self, hosted, call, place, limit_s(agent, call))
        place.request(hosted.sent)

    def begin(self, queued: "QueuedAttempt", running: WorkerSession) -> None:
        """A session is free for an attempt that has no asyncio task."""
        hosted, call, loop = queued.hosted, queued.call, asyncio.get_running_loop()
        if not self._is_live(hosted):  # it was flushed, and the cancellation got lost
            queued.place.free(running)
            return
        hosted.handle, hosted.stack = running, running.stack
        running.run(call, hosted)
        if queued.limit_s is not None:
            queued.timer = loop.call_later(queued.limit_s, self._awaited, hosted)
        loop.call_soon(self._began, hosted)  # one that is flushed before has not begun

    def _session_returned(self, hosted: HostedAttempt, told: Returned | Exception) -> bool:
        """The end of an attempt that had no asyncio task when it began; whether it is live."""
        queued: QueuedAttempt = hosted.sent
        if queued.timer is not None:
            queued.timer.cancel()
        return self._took(hosted, told)

    async def _place(self, agent: AgentSpec, node: NodeId, bound: BoundInputs) -> SessionPlace | None:
        """Where the attempt gets a session; None if it needs a Ray task of its own.

        That is so if it reads outputs that Ray passes on, or has a GPU, whose memory the process gives back only at its
        end; and on other machines than this one.
        """
        host = self._hosts.ready(node)
        alone = bound.blobs or agent.resources.gpus or agent.kind is AgentKind.BATCH
        if alone or host is None or not host.link.is_local:
            return None
        if (known := self._sessions.known((agent.name, node))) is not None:
            return known
        needs = agent.resources.model_copy(update={"custom": ray_amounts(agent.resources)["resources"] or {}})
        return await self._sessions.place((agent.name, node), needs, lambda: self._bound_to(session_task, agent, node))

    async def _in_session(
        self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, place: SessionPlace | None
    ) -> Ended:
        """Run an attempt in a session of a place; None: it has begun in one before it got an asyncio task."""
        began_before = place is not None and hosted.began_s is not None  # in a host, which another attempt has ended
        left_s = limit_s(agent, call)
        end: asyncio.Future[Returned]
        try:
            if place is None:
                assert hosted.end is not None
                end = hosted.end
                left_s = None if left_s is None else left_s - self._seconds(hosted)
            else:
                hosted.handle = session = await AwaitedSession().at(place)
                hosted.stack, end = session.stack, asyncio.get_running_loop().create_future()
                session.run(call, WaitingFuture(end))
                self._began(hosted)
            async with asyncio.timeout(left_s):
                returned = await end
        except TimeoutError:
            return await self._out_of_time(hosted, call)
        except NeverBegan as error:
            if began_before:
                raise error.why from None
            raise
        running: WorkerSession = hosted.handle
        assert returned.ended is not None, "only a host says of an attempt that it was flushed"
        hosted.staged = returned.staged
        if returned.is_large:
            await running.task.completed()  # as below
            hosted.body = await anext(running.task)
        return returned.ended

    async def _out_of_time(self, hosted: HostedAttempt, call: Invocation) -> Ended:
        self._cancel([hosted])
        await self._collect_left(hosted, call.env)
        left = await self._hosts.remains(hosted.order.node, hosted.stack)
        failure = hosted.output.add_to(timed_out(call.timeout_s, stack=left.stack))
        return Ended(self._seconds(hosted), failure=failure)

    async def _collect_left(self, hosted: HostedAttempt, env: tuple[str, ...]) -> None:
        """Report what an attempt has printed and logged whose worker process is gone."""
        self._report_output(hosted, await self._hosts.left_by(hosted.order.node, hosted.order.attempt, env))

    @abstractmethod
    def _bound_to(self, function: Any, agent: AgentSpec, node: NodeId) -> Any:
        """The Ray function with the agent's resources, pinned to the node."""

    def _total(self, node: NodeId) -> Resources | None:
        known, _ = self._room(node)
        return None if known is None else known.total


class QueuedAttempt:
    """An attempt that waits for a session without an asyncio task.

    ``limit_s``: how long it may take. ``timer``: of that, once it has begun.
    """

    __slots__ = ("_executor", "call", "hosted", "limit_s", "place", "timer")

    def __init__(
        self,
        executor: SessionExecutor,
        hosted: HostedAttempt,
        call: Invocation,
        place: SessionPlace,
        limit_s: float | None,
    ) -> None:
        """Set up; requests nothing."""
        self._executor = executor
        self.hosted = hosted
        self.call = call
        self.place = place
        self.limit_s = limit_s
        self.timer: asyncio.TimerHandle | None = None

    def take_session(self, session: WorkerSession) -> None:
        """See `SessionRequest`."""
        self._executor.begin(self, session)

    def take_error(self, error: Exception) -> None:
        """See `SessionRequest`."""
        self.hosted.take_end(error)

    def withdraw(self) -> None:
        """It needs no session any more."""
        self.place.withdraw(self)


def limit_s(agent: AgentSpec, call: Invocation) -> float | None:
    """How long an attempt may take in a process of its own. Kinds that run on a loop enforce their timeout first."""
    grace_s = GRACE_S if kind_of(agent.kind).runs_on_loop else 0.0
    return None if call.timeout_s is None else call.timeout_s + grace_s
