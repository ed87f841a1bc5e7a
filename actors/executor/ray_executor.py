"""Runs attempts on Ray, on the nodes that the plan names."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack

import ray
from pydantic import JsonValue
from ray import exceptions as rx

from actors.errors import NoSuchNode, OutputGone
from actors.executor.host import promotion, shares_a_host, verification, worker
from actors.executor.host_link import HostLink
from actors.executor.hosted import ExecutorOptions, HostedAttempt
from actors.executor.hosts import kill
from actors.executor.lost_processes import node_lost, out_of_memory, without_a_try, worker_lost
from actors.executor.nodes import pinned, ray_amounts
from actors.executor.open_session import PROCESS_LOST, NeverBegan, WorkerSession
from actors.executor.process_remains import name_of
from actors.executor.readings import Held, merged
from actors.executor.session_executor import QueuedAttempt, Room, SessionExecutor, limit_s, unknown_room
from actors.executor.waits import Stage, in_use, process_wait, resource_wait, start_wait
from actors.executor.worker_session import SessionUnreachable
from actors.failures import failure_of
from actors.invocation import Began, Ended, Invocation
from actors.kinds.batch_agent import batch_settings
from actors.payloads.outputs import BoundInputs, Reference
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.model import AgentName, AttemptId, NodeId, TaskId
from reconciler.state.commands import Source
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.waiting import DispatchWait

HEARTBEAT_TIMEOUT_S = 10.0
# Agents without resources that run alone on a node at once: Ray bounds only what needs resources.
PROCESSES_PER_NODE = 32
_HELD_FOR_S = 0.2
_LOST = (rx.RayActorError, *PROCESS_LOST)
_UNPLACEABLE = (rx.TaskUnschedulableError, rx.ActorUnschedulableError, NoSuchNode)
# In the environment of worker processes: how often the code of agents was reloaded.
_CODE = "RAY_FORERUN_CODE"


class RayExecutor(SessionExecutor):
    """Implements `reconciler.runtime.ports.Executor` on the Ray cluster of this process.

    `actors.executor.host` describes what runs where. The executor owns its host actors and all outputs: they end with
    its process, and no attempt is orphaned.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        on_node_lost: Callable[[NodeId], None] | None = None,
        heartbeat_timeout_s: float = HEARTBEAT_TIMEOUT_S,
        processes_per_node: int = PROCESSES_PER_NODE,
        room: Room = unknown_room,
        **options: Unpack[ExecutorOptions],
    ) -> None:
        """Set up; starts nothing.

        Args:
            catalog: the agents.
            on_node_lost: called with a node that was found dead, seconds before Ray knows.
            heartbeat_timeout_s: a host whose event loop does not answer for so long is replaced.
            processes_per_node: how many agents without resources may run in processes of their own at once.
            room: a node of the cluster, and what nothing holds there; None where that is not known.
            options: see `FencedExecutor`.
        """
        super().__init__(catalog, heartbeat_timeout_s, processes_per_node, room, **options)
        self._on_node_lost = on_node_lost
        self._code = 0  # how often it was reloaded
        self._workers: dict[tuple[AgentName, NodeId], Any] = {}
        self._cut_off: dict[NodeId, list[Any]] = {}
        self._processes_per_node = processes_per_node
        self._held_at: tuple[float, dict[NodeId, Held]] = (0.0, {})
        self._alone = defaultdict[NodeId, asyncio.Semaphore](lambda: asyncio.Semaphore(processes_per_node))

    def held(self) -> dict[NodeId, Held]:
        """As `FencedExecutor`, with what the hosts of agents hold."""
        return merged(super().held(), self._groups.held(), self._sessions.held())

    def reload(self, catalog: Catalog) -> None:
        """As `FencedExecutor`; attempts that are dispatched from now on run in new processes, which import new code."""
        super().reload(catalog)
        self._code += 1
        self._workers.clear()
        self._sessions.retire()
        self._groups.retire(self._fresh)

    @property
    def _fresh(self) -> dict[str, Any]:
        """Ray options of new processes. Ray gives no process with one runtime environment to another."""
        return {"runtime_env": {"env_vars": {_CODE: str(self._code)}}} if self._code else {}

    def forget_node(self, node: NodeId) -> None:
        """As `FencedExecutor`; also kills the node's host."""
        cut_off = self._cut_off.setdefault(node, [])
        running = [hosted for live in self._live.values() for hosted in live.values() if hosted.order.node == node]
        handles = [hosted.handle for hosted in running]
        tasks = [handle.task if isinstance(handle, WorkerSession) else handle for handle in handles]
        cut_off += [task for task in tasks if isinstance(task, ray.ObjectRefGenerator)]
        super().forget_node(node)
        cut_off += [*self._sessions.drop(node), *self._groups.drop(node)]
        self._workers = {key: bound for key, bound in self._workers.items() if key[1] != node}

    def stop_leftovers(self, node: NodeId) -> None:
        """A lost node answers again: stop what still runs there. The first attempt to do so may not have arrived."""
        for handle in self._cut_off.pop(node, ()):
            if isinstance(handle, ray.ObjectRefGenerator):
                ray.cancel(handle, force=True)
            else:
                kill(handle)

    async def value(self, task: TaskId, source: Source) -> JsonValue:
        """As `FencedExecutor`. An output that was lost with a node or process is gone."""
        try:
            return await super().value(task, source)
        except rx.RayError as error:
            message = f"an output was lost with the process that held it ({type(error).__name__})"
            raise OutputGone(message, "outputs", "run the step that made it again") from error

    def _room_wait(self, hosted: HostedAttempt) -> DispatchWait:
        node = hosted.order.node
        if hosted.stage is Stage.PROCESS:
            return process_wait(node, self._processes_per_node)
        if hosted.stage is not Stage.RESOURCES:
            return start_wait(node)
        needs = self.catalog.by_name[hosted.order.agent].resources
        known, free = self._room(node)
        return resource_wait(node, needs, known, in_use(self._held_lately().get(node), known, free))

    def _held_lately(self) -> dict[NodeId, Held]:
        """`held`, not older than a moment: views ask for many attempts at once."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._held_at[0] > _HELD_FOR_S:
            self._held_at = now_s, self.held()
        return self._held_at[1]

    def close(self) -> None:
        """End everything: attempts, outputs, promotions, hosts."""
        for task in list(self._live):
            self.release(task)
        self._promotions.close()
        self._limits.close()
        self._sessions.close()
        self._groups.close()
        self._results.close()

    async def _run(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        run = self._in_hosts if shares_a_host(agent) else self._in_worker
        try:
            return await run(hosted, agent, call, bound)
        except (rx.RayError, NoSuchNode) as error:
            failure = await self._failure(hosted, error)
            if isinstance(error, _LOST) and failure.kind is not FailureKind.NODE_LOST:
                await self._collect_left(hosted, call.env)
                failure = hosted.output.add_to(failure)
            return Ended(self._seconds(hosted), failure=failure)

    async def _in_worker(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        if agent.resources.amounts():
            return await self._in_process(hosted, agent, call, bound)
        hosted.stage = Stage.PROCESS
        async with self._alone[hosted.order.node]:
            return await self._in_process(hosted, agent, call, bound)

    async def _in_process(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        hosted.stage = Stage.RESOURCES
        in_session = isinstance(hosted.sent, QueuedAttempt)  # since before it got an asyncio task
        if not in_session:
            hosted.output.restart()
        if call.logs is not None:
            self._hosts.follow(hosted.order.node)
        place = None if in_session else await self._place(agent, hosted.order.node, bound)
        if place is not None or in_session:
            try:
                return await self._in_session(hosted, agent, call, place)
            except rx.RayTaskError as error:
                if not isinstance(error.cause, SessionUnreachable):
                    raise
        return await self._in_task(hosted, agent, call, bound)

    async def _in_task(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        with self._sessions.making_room(hosted.order.node, agent.resources):
            items = hosted.handle = self._worker(agent, hosted.order.node).remote(call, *bound.blobs)
            began: Began = await (await anext(items))
        hosted.stack = began.stack
        self._began(hosted)
        try:
            async with asyncio.timeout(limit_s(agent, call)):
                ended: Ended = await (await anext(items))
        except TimeoutError:
            return await self._out_of_time(hosted, call)
        apart = int(ended.handoff is not None and ended.handoff.by_reference) + int(ended.staged)
        if apart:
            await items.completed()  # else anext would wait for the next item by fetching its bytes to here
        refs = [await anext(items) for _ in range(apart)]
        if ended.staged:
            hosted.staged = await _fetched(refs.pop())
        if refs:
            hosted.body = refs[0]
        return ended

    def _worker(self, agent: AgentSpec, node: NodeId) -> Any:
        """The Ray function with the agent's resources, pinned to the node. Cached, as making it costs 0.1 ms."""
        bound = self._workers.get((agent.name, node))
        if bound is None:
            bound = self._workers[agent.name, node] = self._bound_to(worker, agent, node)
        return bound

    def _bound_to(self, function: Any, agent: AgentSpec, node: NodeId) -> Any:
        return function.options(
            name=f"agent:{agent.name}",
            **ray_amounts(batch_settings(agent).process if agent.kind is AgentKind.BATCH else agent.resources),
            scheduling_strategy=pinned(node),
            **self._fresh,
        )

    def _cancelled(self, attempts: Iterable[HostedAttempt]) -> None:
        in_hosts: dict[HostLink, list[AttemptId]] = {}
        for hosted in attempts:
            if isinstance(hosted.handle, ray.ObjectRefGenerator):
                ray.cancel(hosted.handle, force=True)
            elif isinstance(hosted.handle, WorkerSession):
                hosted.handle.cancel(hosted.order.attempt)
            elif isinstance(hosted.sent, QueuedAttempt):
                hosted.sent.withdraw()
            elif isinstance(hosted.handle, HostLink):
                in_hosts.setdefault(hosted.handle, []).append(hosted.order.attempt)
        for link, together in in_hosts.items():
            link.flush(together)

    async def _promote(self, call: Invocation, staged: Mapping[str, bytes]) -> None:
        promoting = promotion.options(**self._fresh).remote(call, dict(staged))
        try:
            await promoting
        except asyncio.CancelledError:  # also how the agent's timeout arrives here
            ray.cancel(promoting, force=True)
            raise

    async def _verify(self, call: Invocation) -> tuple[Ended | None, Reference | None]:
        references: Any = verification.options(**self._fresh).remote(call)
        ended, body = references
        try:
            return await ended, body
        except asyncio.CancelledError:  # also how the time limit arrives here
            ray.cancel(ended, force=True)
            raise

    def _hook_failure(self, error: Exception) -> Failure:
        cause = error.cause if isinstance(error, rx.RayTaskError) else None
        return failure_of(cause if isinstance(cause, Exception) else error)

    async def _failure(self, hosted: HostedAttempt, error: Exception) -> Failure:
        """What an error of Ray means for the attempt."""
        node, name = hosted.order.node, hosted.order.agent
        if isinstance(error, NeverBegan):
            return without_a_try(await self._failure(hosted, error.why))
        if isinstance(error, rx.ObjectLostError):
            message = "an input was lost with the node that held it"
            return failure_of(OutputGone(message, "inputs", "run the step that made it again"))
        if isinstance(error, rx.RayTaskError):
            return failure_of(error.cause if isinstance(error.cause, Exception) else error)
        lost, error_type = isinstance(error, _LOST), type(error).__name__
        if not lost and not isinstance(error, _UNPLACEABLE):
            return failure_of(error)
        if not await self._probe.is_alive(node):
            if self._on_node_lost is not None:
                asyncio.get_running_loop().call_soon(self._on_node_lost, node)
            return node_lost(node, error_type, never_began=isinstance(error, _UNPLACEABLE))
        if lost:
            # A process that ends at once takes the message with it that it has begun.
            left = await self._hosts.remains(node, hosted.stack or name_of(hosted.order.attempt))
            if isinstance(error, rx.OutOfMemoryError) or left.oom_killed:
                return out_of_memory(name, node, str(error))
            return worker_lost(name, left, error_type)
        message = f"node {node} can never give what agent '{name}' needs"
        return Failure(kind=FailureKind.LIMIT, message=message, error_type=error_type)


async def _fetched(staged: Any) -> Mapping[str, bytes] | None:
    """What an attempt has staged: small, and the journal keeps it. If it is gone, so is the attempt's process."""
    try:
        what: Mapping[str, bytes] | None = await staged
    except rx.ObjectLostError as error:
        raise rx.WorkerCrashedError from error
    return what
