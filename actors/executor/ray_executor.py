"""Agents on Ray: carries out attempts on the nodes that the plan names."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Unpack

import ray
from pydantic import JsonValue
from ray import exceptions as rx

from actors.errors import NoSuchNode, OutputGone
from actors.executor.fenced import FencedExecutor, Fencing, HostedAttempt
from actors.executor.host import promotion, shares_a_host, worker
from actors.executor.hosts import Hosts
from actors.executor.nodes import NodeProbe, pinned
from actors.failures import failure_of, node_lost, timed_out
from actors.invocation import Ended, Invocation
from actors.kinds.kind import kind_of
from actors.payloads.outputs import BoundInputs
from planners.agents import AgentSpec, Catalog, Effect
from planners.model import AgentName, NodeId, TaskId
from reconciler.state.commands import Source
from reconciler.state.handoff import Failure, FailureKind

# An async agent's own host enforces its timeout; this much later the host itself is taken to hang.
_HANG_S = 5.0
_LOST = (
    rx.RayActorError,
    rx.WorkerCrashedError,
    rx.NodeDiedError,
    rx.LocalRayletDiedError,
    rx.OutOfMemoryError,
    rx.TaskCancelledError,
)
_UNPLACEABLE = (rx.TaskUnschedulableError, rx.ActorUnschedulableError, NoSuchNode)


class RayExecutor(FencedExecutor):
    """Implements `reconciler.runtime.ports.Executor` on the Ray cluster of this process.

    `actors.executor.host` describes what runs where.

    Owns its host actors and all outputs: with its process they end too, and no attempt is orphaned.
    """

    def __init__(
        self, catalog: Catalog, *, on_node_lost: Callable[[NodeId], None] | None = None, **how: Unpack[Fencing]
    ) -> None:
        """As `FencedExecutor`. ``on_node_lost`` is told of a node found dead, seconds before Ray knows."""
        super().__init__(catalog, **how)
        self._on_node_lost = on_node_lost
        self._hosts = Hosts()
        self._probe = NodeProbe()
        self._workers: dict[tuple[AgentName, NodeId], Any] = {}

    async def prepare(self, nodes: Iterable[NodeId]) -> None:
        """Start the host actors of these nodes, so that the first attempts there find them warm."""
        await asyncio.gather(*(self._hosts.on(node) for node in nodes), return_exceptions=True)

    def forget_node(self, node: NodeId) -> None:
        """A node has left the cluster: attempts there have failed, nothing is warm there. Safe to call twice."""
        super().forget_node(node)
        self._hosts.drop(node)
        self._workers = {key: bound for key, bound in self._workers.items() if key[1] != node}

    async def value(self, task: TaskId, source: Source) -> JsonValue:
        """As `FencedExecutor`. What went with a node or a process is gone."""
        try:
            return await super().value(task, source)
        except rx.RayError as error:
            message = f"an output was lost with the process that held it ({type(error).__name__})"
            raise OutputGone(message, "outputs", "run the step that made it again") from error

    def close(self) -> None:
        """End everything: attempts, outputs, host actors."""
        for task in list(self._live):
            self.release(task)
        self._hosts.close()

    async def _run(self, running: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        run = self._in_host if shares_a_host(agent) else self._in_worker
        try:
            return await run(running, agent, call, bound)
        except (rx.RayError, NoSuchNode) as error:
            return Ended(self._seconds(running), failure=await self._failure(running, error))

    async def _in_host(self, running: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        node = running.order.node
        host = running.hold = await self._hosts.on(node)
        method = host.run_staged if agent.effect is Effect.STAGEABLE else host.run
        end, body, *staged = method.remote(call, *bound.blobs)
        self._began(running)
        try:
            async with asyncio.timeout(None if call.timeout_s is None else call.timeout_s + _HANG_S):
                ended: Ended | None = await end
        except TimeoutError:
            self._hosts.drop(node, host)
            return Ended(self._seconds(running), failure=timed_out(call.timeout_s))
        except rx.RayActorError:
            self._hosts.drop(node, host)  # dead, or in a state nobody knows: the next attempt gets a new one
            raise
        if ended is None:
            return Ended(self._seconds(running), failure=Failure(kind=FailureKind.CANCELLED, message="cancelled"))
        return _with_references(running, ended, body, *staged)

    async def _in_worker(self, running: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        items = running.hold = self._worker(agent, running.order.node).remote(call, *bound.blobs)
        await (await anext(items))
        self._began(running)
        # Async agents enforce their own timeout, in the worker as in a host; all others only end with their process.
        grace_s = _HANG_S if kind_of(agent.kind).runs_on_loop else 0.0
        try:
            async with asyncio.timeout(None if call.timeout_s is None else call.timeout_s + grace_s):
                ended: Ended = await (await anext(items))
        except TimeoutError:
            self._cancel([running])
            return Ended(self._seconds(running), failure=timed_out(call.timeout_s))
        apart = int(ended.handoff is not None and ended.handoff.by_reference) + int(ended.staged)
        if apart:
            await items.completed()  # else anext would wait for the next item by fetching its bytes to here
        refs = [await anext(items) for _ in range(apart)]
        return _with_references(running, ended, *refs) if apart else ended

    def _worker(self, agent: AgentSpec, node: NodeId) -> Any:
        """The Ray function with the agent's resources, pinned to the node; made once, as making it costs 0.1 ms."""
        bound = self._workers.get((agent.name, node))
        if bound is None:
            needs = agent.resources
            bound = self._workers[agent.name, node] = worker.options(
                name=f"agent:{agent.name}",
                num_cpus=needs.cpus,
                num_gpus=needs.gpus or None,
                memory=needs.memory_bytes or None,
                resources=dict(needs.custom) or None,
                scheduling_strategy=pinned(node),
            )
        return bound

    def _cancelled(self, runnings: Iterable[HostedAttempt]) -> None:
        in_hosts: dict[Any, list[HostedAttempt]] = {}
        for running in runnings:
            if isinstance(running.hold, ray.ObjectRefGenerator):
                ray.cancel(running.hold, force=True)
            elif running.hold is not None:
                in_hosts.setdefault(running.hold, []).append(running)
        for host, hosted in in_hosts.items():
            host.flush.remote([running.order.attempt for running in hosted])

    async def _promote(self, call: Invocation, staged: Any) -> None:
        await promotion.remote(call, staged)

    def _promotion_error(self, error: Exception) -> Failure:
        cause = error.cause if isinstance(error, rx.RayTaskError) else None
        return failure_of(cause if isinstance(cause, Exception) else error)

    async def _failure(self, running: HostedAttempt, error: Exception) -> Failure:
        """What an error of Ray's means for the attempt."""
        node, name = running.order.node, running.order.agent
        if isinstance(error, rx.ObjectLostError):
            gone = OutputGone(
                "an input was lost with the node that held it", "inputs", "run the step that made it again"
            )
            return failure_of(gone)
        if isinstance(error, rx.RayTaskError):
            return failure_of(error.cause if isinstance(error.cause, Exception) else error)
        lost, error_type = isinstance(error, _LOST), type(error).__name__
        if not lost and not isinstance(error, _UNPLACEABLE):
            return failure_of(error)
        if not await self._probe.is_alive(node):
            if self._on_node_lost is not None:
                asyncio.get_running_loop().call_soon(self._on_node_lost, node)
            return node_lost(node, error_type)
        if lost:
            message = f"the process of agent '{name}' died"
            return Failure(kind=FailureKind.WORKER_LOST, message=message, error_type=error_type)
        message = f"node {node} can never give what agent '{name}' needs"
        return Failure(kind=FailureKind.LIMIT, message=message, error_type=error_type)


def _with_references(running: HostedAttempt, ended: Ended, *refs: Any) -> Ended:
    """Note where the output and the staged effects lie; ``refs``: output if large (or None's), then staged if any."""
    left = list(refs)
    if ended.handoff is not None and ended.handoff.by_reference:
        running.body = left.pop(0)
    if ended.staged:
        running.staged = left.pop()
    return ended
