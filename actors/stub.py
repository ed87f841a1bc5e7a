"""An executor without Ray: runs agents in this process, for tests of whatever drives an executor.

Attempts can be held back: ``hold`` an agent, and its attempts wait until ``let_go``. Values cross as JSON, as they do
between processes, so a test sees what Ray would show.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from actors.errors import ActorsError
from actors.fenced import FencedExecutor, Running
from actors.invocation import Ended, Invocation
from actors.outputs import Bound
from actors.running import run_async, run_in_process, run_promotion
from planners.agents import AgentKind, AgentSpec
from planners.model import AgentName, AttemptId, NodeId
from reconciler.handoff import Failure, FailureKind


class StubExecutor(FencedExecutor):
    """Fulfils `reconciler.ports.Executor` in this process, on virtual nodes that all exist until `lose_node`.

    Async agents run on the event loop. Sync and command agents block it, so what they do must be short; only async
    ones can be flushed midway.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As `FencedExecutor`."""
        super().__init__(*args, **kwargs)
        self._held: dict[AgentName, asyncio.Event] = {}
        self._lost: set[NodeId] = set()
        self._on: defaultdict[NodeId, set[Running]] = defaultdict(set)
        self.cancelled: list[AttemptId] = []

    def hold(self, agent: str) -> None:
        """From now on attempts of this agent begin but do not go on."""
        self._held[AgentName(agent)] = asyncio.Event()

    def let_go(self, agent: str) -> None:
        """Let the held attempts of this agent go on."""
        self._held.pop(AgentName(agent)).set()

    def lose_node(self, node: NodeId) -> None:
        """A node dies with all that runs on it."""
        self._lost.add(node)
        for running in self._on.pop(node, set()):
            if running.hold is not None:
                running.hold.cancel("lost")

    async def _run(self, running: Running, agent: AgentSpec, call: Invocation, bound: Bound) -> Ended:
        node = running.order.node
        if node in self._lost:
            return self._node_lost(running)
        self._began(running)
        running.hold = asyncio.ensure_future(self._hosted(running, agent, call, bound))
        self._on[node].add(running)
        try:
            return await asyncio.shield(running.hold)
        except asyncio.CancelledError:
            if node in self._lost and self._is_live(running):
                return self._node_lost(running)
            raise
        finally:
            self._on[node].discard(running)

    async def _hosted(self, running: Running, agent: AgentSpec, call: Invocation, bound: Bound) -> Ended:
        if (held := self._held.get(agent.name)) is not None:
            await held.wait()
        call.inputs.update(json.loads(json.dumps(call.inputs)))
        blobs = tuple([await blob for blob in bound.blobs])
        in_loop = agent.kind is AgentKind.ASYNC
        result = await run_async(call, blobs) if in_loop else run_in_process(call, blobs)
        if result.body is not None:
            running.body = _Blob(result.body)
        running.staged = result.staged
        return result.ended

    def _node_lost(self, running: Running) -> Ended:
        message = f"node {running.order.node} is no longer part of the cluster"
        return Ended(self._seconds(running), failure=Failure(kind=FailureKind.NODE_LOST, message=message))

    def _cancelled(self, runnings: Iterable[Running]) -> None:
        for running in runnings:
            self.cancelled.append(running.order.attempt)
            if running.hold is not None:
                running.hold.cancel()

    async def _promote(self, call: Invocation, staged: Any) -> None:
        if staged is None:
            raise ActorsError(f"attempt '{call.attempt}' has staged nothing")
        await run_promotion(call, staged)


class _Blob:
    """A large output, where there is no object store."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __await__(self) -> Any:
        return self._body
        yield  # makes this the iterator that awaiting needs
