"""Processes that run agents on Ray: a host actor per node for async agents; workers, one attempt at a time, for others.

Thousands of async agents share one process cheaply. But only a process of its own can be killed, and Ray accounts only
for the resources of Ray tasks. So an async agent that declares resources runs in a worker too: Ray's scheduler is the
one ledger of CPUs, GPUs, memory and custom resources, for every executor of the cluster. An agent that must not run
twice never shares a process, because the process may die through another agent.
"""

import asyncio
import gc
import os
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from actors.environment import restrict_environment
from actors.executor.captured import Captures, mask_of
from actors.executor.containment import RunningMark, contain_spawned_tasks, remove_stale_marks
from actors.executor.execution import run_in_process, run_promotion, run_verification
from actors.executor.host_attempts import HostAttempts
from actors.executor.host_output import HostOutput
from actors.executor.host_socket import HostSocket, MessageStream, SocketAddress
from actors.executor.loop_watch import LoopWatch
from actors.executor.messages import packed, unpacked
from actors.executor.process_remains import (
    ProcessRemains,
    oom_kills,
    remains_of,
    remove_stale_stacks,
    watch,
    watch_next,
)
from actors.executor.process_state import process_restored
from actors.executor.worker_output import worker_captures
from actors.invocation import Began, Ended, Invocation, Result
from actors.kinds.kind import kind_of
from planners.agents import AgentKind, AgentSpec
from planners.model import AttemptId
from reconciler.views.logs import LogBatch

MAX_AGENTS_PER_HOST = 100_000
# The stacks of a host are written before it is declared blocked and killed.
_WATCH_SHARE = 0.9
_MARK_PREFIX = "forerun-host-"
# Objects that are created between two collections of the youngest, and multiples of that for the older ones. Python's
# own thresholds look at the objects of thousands of waiting attempts again and again.
_GC_THRESHOLDS = (5_000, 10, 10)


def shares_a_host(agent: AgentSpec) -> bool:
    """Whether attempts of this agent run in the node's host actor, and not each in a worker process."""
    if agent.kind is AgentKind.BATCH:
        return True
    return kind_of(agent.kind).runs_on_loop and agent.may_speculate and not agent.resources.amounts()


@dataclass(frozen=True, slots=True)
class HostProcess:
    """A host that is ready: paths, on its node, of its `RunningMark`, of its stacks, and of its latest lines.

    ``socket``: where it takes orders from executors on its machine.
    """

    pid: int
    mark: str
    stack: str = ""
    ring: str = ""
    socket: SocketAddress | None = None


@ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)
class Host:
    """All async agents of one executor on one node.

    `actors.executor.host_link` is the other end.
    """

    def __init__(self, executor: str = "", *, told_only: bool = False) -> None:
        restrict_environment()
        self._output = HostOutput(executor, told_only=told_only) if executor else None
        folder = Path(tempfile.gettempdir())
        self._path = folder / f"{_MARK_PREFIX}{os.getpid()}"
        self._mark = RunningMark(self._path)
        self._attempts = HostAttempts(self._mark, *([] if self._output is None else [self._output.captures]))
        self._socket = HostSocket(self._connected, lambda orders: self._attempts.take(unpacked(orders)))
        self._watch_s: float | None = None
        self._oom_kills = oom_kills()
        remove_stale_marks(folder, _MARK_PREFIX)
        remove_stale_stacks()

    async def start(self, heartbeat_timeout_s: float) -> HostProcess:
        """Prepare the event loop; answers when the host is ready."""
        contain_spawned_tasks(asyncio.get_running_loop(), self._mark)
        LoopWatch(asyncio.get_running_loop()).start()
        self._watch_s = _WATCH_SHARE * heartbeat_timeout_s
        ring = self._output.ring_path if self._output is not None else None
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        address = await self._socket.listen()
        return HostProcess(os.getpid(), str(self._path), watch(self._watch_s), str(ring or ""), address)

    def _connected(self, stream: MessageStream) -> None:
        """An executor on this machine has connected to the socket: the ends of attempts go there."""
        self._attempts.send_to(lambda returned: stream.send(packed(returned)))

    async def heartbeat(self) -> None:
        """Answers as long as no agent blocks the event loop."""
        watch(self._watch_s)
        self._oom_kills = oom_kills()

    async def remains(self, stack: str) -> ProcessRemains:
        """What is left of another process of this node, which is gone or hangs."""
        return remains_of(stack, self._oom_kills)

    async def last_running(self, mark: str) -> AttemptId | None:
        """The attempt whose code was running when another host of this node ended."""
        return RunningMark.take(Path(mark))

    async def take(self, orders: bytes, *blobs: Any) -> None:
        """Flush and start attempts; see `actors.executor.messages`. ``blobs``: the outputs that the calls read."""
        self._attempts.take(unpacked(orders), blobs)

    async def exchange(self, orders: bytes) -> bytes:
        """Like `take`, then wait for results and return them."""
        self._attempts.take(unpacked(orders))
        return packed(await self._attempts.results())

    @ray.method(num_returns=2)
    async def body(self, attempt: AttemptId) -> tuple[None, Any]:
        """The large output of an attempt that has returned. It belongs to the caller, so it outlives this process."""
        return None, self._attempts.body(attempt)

    async def output(self) -> list[LogBatch]:
        """What the attempts of this node have printed and logged since the last call, once there is something."""
        return [] if self._output is None else await self._output.next()

    async def left_by(self, attempt: AttemptId, env: tuple[str, ...]) -> Collection[LogBatch]:
        """The lines of an attempt that have not arrived and whose worker process is gone. ``env``: see `AgentSpec`."""
        return () if self._output is None else self._output.left_by(attempt, mask_of(env))

    async def left_by_host(self, ring: str) -> Collection[LogBatch]:
        """The latest lines of another host of this node, which is gone."""
        return await asyncio.to_thread(HostOutput.left_by_host, ring)


@ray.remote(max_retries=0, num_returns="streaming")
def worker(call: Invocation, *blobs: Any) -> Iterator[Any]:
    """One attempt in a process of its own. Yields Began, Ended, then its output if large, then what it staged.

    A stream, because its first item shows that the agent has begun (before, the attempt may have waited for resources)
    in the same call and for 1 ms. The items belong to the caller, so they outlive this process.
    """
    restrict_environment(call.env)
    yield Began(os.getpid(), watch(_watched_s(call), call.attempt))
    with process_restored():
        result = run_in_process(call, blobs, *_captures_of(call))
    watch(None)
    yield result.ended
    if result.body is not None:
        yield result.body
    if result.staged is not None:
        yield result.staged


def run_next(call: Invocation) -> Result:
    """Run one of the attempts that follow one another in this process, whose stacks are watched already.

    Its environment is restricted already, too, but for the variables that the agent declares.
    """
    if call.env:
        restrict_environment(call.env)
    watch_next(_watched_s(call))
    with process_restored():
        return run_in_process(call, (), *_captures_of(call))


def _watched_s(call: Invocation) -> float | None:
    """When the stacks of an attempt are written. Kinds that run on a loop enforce their timeout themselves."""
    return None if kind_of(call.kind).runs_on_loop else call.timeout_s


def _captures_of(call: Invocation) -> tuple[Captures, ...]:
    return () if call.logs is None else (worker_captures(call.executor),)


@ray.remote(num_cpus=0, max_retries=2)
def promotion(call: Invocation, staged: dict[str, bytes]) -> None:
    """Promote staged effects. Retried if its worker or node is lost: promotion is idempotent by contract."""
    restrict_environment(call.env)
    asyncio.run(run_promotion(call, staged))


@ray.remote(num_cpus=0, max_retries=0, num_returns=2)
def verification(call: Invocation) -> tuple[Ended | None, Any]:
    """Ask the agent's verify hook. Returns the end of the attempt if its act happened, and its output if large."""
    restrict_environment(call.env)
    result = asyncio.run(run_verification(call))
    return (None, None) if result is None else (result.ended, result.body)
