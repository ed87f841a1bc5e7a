"""Runs attempts in processes of their own: one after another in sessions, where that is possible."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Unpack

from actors.executor.host_executor import GRACE_S, HostExecutor
from actors.executor.hosted import ExecutorOptions, HostedAttempt
from actors.executor.nodes import ray_amounts
from actors.executor.open_session import NeverBegan
from actors.executor.session_place import SessionPlace
from actors.executor.worker_session import session
from actors.executor.worker_sessions import WorkerSessions
from actors.failures import timed_out
from actors.invocation import Ended, Invocation
from actors.kinds.kind import kind_of
from actors.payloads.outputs import BoundInputs
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.cluster import ClusterNode
from planners.model import NodeId
from planners.resources import Resources

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

    async def _place(self, agent: AgentSpec, node: NodeId, bound: BoundInputs) -> SessionPlace | None:
        """Where the attempt gets a session; None if it needs a Ray task of its own.

        That is so if it reads outputs that Ray passes on, or has a GPU, whose memory the process gives back only at its
        end; and on other machines than this one.
        """
        host = self._hosts.ready(node)
        alone = bound.blobs or agent.resources.gpus or agent.kind is AgentKind.BATCH
        if alone or host is None or not host.link.is_local:
            return None
        needs = agent.resources.model_copy(update={"custom": ray_amounts(agent.resources)["resources"] or {}})
        return await self._sessions.place((agent.name, node), needs, lambda: self._bound_to(session, agent, node))

    async def _in_session(
        self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, place: SessionPlace
    ) -> Ended:
        began_before = hosted.began_s is not None  # in a host, which another attempt has ended
        try:
            running = await place.session()
            hosted.handle, hosted.stack = running, running.stack
            end = running.run(call)
            self._began(hosted)
            async with asyncio.timeout(limit_s(agent, call)):
                returned = await end
        except TimeoutError:
            return await self._out_of_time(hosted, call)
        except NeverBegan as error:
            if began_before:
                raise error.why from None
            raise
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


def limit_s(agent: AgentSpec, call: Invocation) -> float | None:
    """How long an attempt may take in a process of its own. Kinds that run on a loop enforce their timeout first."""
    grace_s = GRACE_S if kind_of(agent.kind).runs_on_loop else 0.0
    return None if call.timeout_s is None else call.timeout_s + grace_s
