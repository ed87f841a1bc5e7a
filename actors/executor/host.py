"""Where agents run on Ray: a host actor per node for async agents, a worker process per attempt for all others.

Why two: thousands of async agents share one process cheaply, but only a process of its own can be killed, and only a
Ray task's resources are accounted by Ray. So an async agent that declares resources runs as a Ray task too: Ray's
scheduler stays the one ledger of CPUs, GPUs, memory and custom resources, for every kind of agent and for every
executor of the cluster, and nothing is ever booked twice.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

import ray

from actors.executor.execution import run_async, run_in_process, run_promotion
from actors.invocation import Began, Ended, Invocation
from actors.kinds.kind import kind_of
from planners.agents import AgentSpec
from planners.model import AttemptId

MAX_AGENTS_PER_HOST = 100_000
_REMEMBERED_FLUSHES = 10_000


def shares_a_host(agent: AgentSpec) -> bool:
    """Whether attempts of this agent run in the node's host actor, and not each in a worker process."""
    return kind_of(agent.kind).runs_on_loop and not agent.resources.amounts()


@ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)
class Host:
    """All async agents of one executor on one node.

    Flushing is its own call, not ``ray.cancel``, which is known to miss methods that have not begun (ray #52628): an
    attempt flushed before it arrives is remembered and refused.
    """

    def __init__(self) -> None:
        self._running: dict[AttemptId, asyncio.Task[Any]] = {}
        self._flushed: OrderedDict[AttemptId, None] = OrderedDict()

    async def pid(self) -> int:
        """The process; answers when the host is ready."""
        return os.getpid()

    @ray.method(num_returns=2)
    async def run(self, call: Invocation, *blobs: bytes) -> tuple[Ended | None, bytes | None]:
        """Run an attempt. Returns its end, and its output's JSON where that is too large to go inline."""
        ended, body, _ = await self._run(call, blobs)
        return ended, body

    @ray.method(num_returns=3)
    async def run_staged(
        self, call: Invocation, *blobs: bytes
    ) -> tuple[Ended | None, bytes | None, dict[str, bytes] | None]:
        """As `run`, and what a stageable agent has staged."""
        return await self._run(call, blobs)

    async def flush(self, attempts: Iterable[AttemptId]) -> None:
        """Cancel attempts, whether they run or have yet to arrive."""
        for attempt in attempts:
            if (running := self._running.get(attempt)) is not None:
                running.cancel()
            else:
                self._flushed[attempt] = None
        while len(self._flushed) > _REMEMBERED_FLUSHES:
            self._flushed.popitem(last=False)

    async def _run(
        self, call: Invocation, blobs: tuple[bytes, ...]
    ) -> tuple[Ended | None, bytes | None, dict[str, bytes] | None]:
        if call.attempt in self._flushed:
            del self._flushed[call.attempt]
            return None, None, None
        task = self._running[call.attempt] = asyncio.ensure_future(run_async(call, blobs))
        try:
            result = await task
        except asyncio.CancelledError:
            return None, None, None
        finally:
            del self._running[call.attempt]
        return result.ended, result.body, result.staged


@ray.remote(max_retries=0, num_returns="streaming")
def worker(call: Invocation, *blobs: bytes) -> Iterator[Began | Ended | bytes | dict[str, bytes]]:
    """One attempt in a process of its own. Yields Began, Ended, then the output's JSON if large, then what it staged.

    A stream, because its first item is a true sign that the agent has begun (before, it may have queued for room), in
    the same call and for 1 ms; the items belong to the caller, so they outlive this process.
    """
    yield Began(os.getpid())
    result = run_in_process(call, blobs)
    yield result.ended
    if result.body is not None:
        yield result.body
    if result.staged is not None:
        yield result.staged


@ray.remote(num_cpus=0, max_retries=2)
def promotion(call: Invocation, staged: dict[str, bytes]) -> None:
    """Let staged effects out. Retried when its worker or node is lost: promotion is idempotent by contract."""
    asyncio.run(run_promotion(call, staged))
