"""An executor without Ray: runs agents in this process, for tests of whatever drives an executor.

Attempts can be held back: ``hold`` an agent, and its attempts wait until ``let_go``. Values cross as JSON, as they do
between processes, so a test sees what Ray would show.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Unpack

from actors.errors import ActorsError
from actors.executor.execution import run_async, run_in_process, run_promotion
from actors.executor.fenced import FencedExecutor, Fencing, HostedAttempt
from actors.failures import node_lost
from actors.invocation import Ended, Invocation
from actors.kinds.kind import kind_of
from actors.payloads.outputs import BoundInputs
from planners.agents import AgentSpec, Catalog
from planners.model import AgentName, AttemptId, NodeId


class StubExecutor(FencedExecutor):
    """Fulfils `reconciler.runtime.ports.Executor` in this process, on virtual nodes that all exist until `lose_node`.

    Async agents run on the event loop. Sync and command agents block it, so what they do must be short; only async
    ones can be flushed midway.
    """

    def __init__(self, catalog: Catalog, **how: Unpack[Fencing]) -> None:
        """As `FencedExecutor`."""
        super().__init__(catalog, **how)
        self._held: dict[AgentName, asyncio.Event] = {}
        self._lost: set[NodeId] = set()
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
        self.forget_node(node)

    async def _run(self, running: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        if running.order.node in self._lost:
            return Ended(0.0, failure=node_lost(running.order.node))
        self._began(running)
        running.hold = asyncio.ensure_future(self._hosted(running, agent, call, bound))
        return await asyncio.shield(running.hold)

    async def _hosted(self, running: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        if (held := self._held.get(agent.name)) is not None:
            await held.wait()
        call.inputs.update(json.loads(json.dumps(call.inputs)))
        blobs = tuple([await blob for blob in bound.blobs])
        in_loop = kind_of(agent.kind).runs_on_loop
        result = await run_async(call, blobs) if in_loop else run_in_process(call, blobs)
        if result.body is not None:
            running.body = _Blob(result.body)
        running.staged = result.staged
        return result.ended

    def _cancelled(self, runnings: Iterable[HostedAttempt]) -> None:
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
