"""An executor without Ray that runs agents in this process, for tests of whatever drives an executor.

Attempts can be held: after `hold`, attempts of an agent begin but wait until `resume`. Values are copied through JSON,
as they are between processes, so tests see what Ray would show.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from actors.executor.execution import run_async, run_in_process, run_promotion, run_verification
from actors.executor.fenced import ExecutorOptions, FencedExecutor, HostedAttempt
from actors.invocation import Ended, Invocation
from actors.kinds.kind import kind_of
from actors.payloads.outputs import BoundInputs, Reference
from planners.agents import AgentSpec, Catalog
from planners.model import AgentName, AttemptId, NodeId


class StubExecutor(FencedExecutor):
    """Fulfils `reconciler.runtime.ports.Executor` in this process, on virtual nodes that exist until `lose_node`.

    Async agents run on the event loop. Sync and command agents block it, so they must be short; only async agents can
    be flushed while they run.
    """

    def __init__(self, catalog: Catalog, **options: Unpack[ExecutorOptions]) -> None:
        """As `FencedExecutor`."""
        super().__init__(catalog, **options)
        self._held: dict[AgentName, asyncio.Event] = {}
        self.cancelled: list[AttemptId] = []

    def hold(self, agent: str) -> None:
        """From now on, attempts of this agent begin but wait."""
        self._held[AgentName(agent)] = asyncio.Event()

    def resume(self, agent: str) -> None:
        """Let the held attempts of this agent go on."""
        self._held.pop(AgentName(agent)).set()

    def lose_node(self, node: NodeId) -> None:
        """Fail a node with everything that runs on it."""
        self.forget_node(node)

    async def _run(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        self._began(hosted)
        hosted.handle = asyncio.ensure_future(self._hosted(hosted, agent, call, bound))
        return await asyncio.shield(hosted.handle)

    async def _hosted(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        if (held := self._held.get(agent.name)) is not None:
            await held.wait()
        call.inputs.update(json.loads(json.dumps(call.inputs)))
        blobs = tuple([await blob for blob in bound.blobs])
        on_loop = kind_of(agent.kind).runs_on_loop
        result = await run_async(call, blobs) if on_loop else run_in_process(call, blobs)
        if result.body is not None:
            hosted.body = _Kept(result.body)
        hosted.staged = result.staged
        return result.ended

    def _cancelled(self, attempts: Iterable[HostedAttempt]) -> None:
        for hosted in attempts:
            self.cancelled.append(hosted.order.attempt)
            if hosted.handle is not None:
                hosted.handle.cancel()

    async def _promote(self, call: Invocation, staged: Mapping[str, bytes]) -> None:
        await run_promotion(call, dict(staged))

    async def _verify(self, call: Invocation) -> tuple[Ended | None, Reference | None]:
        result = await run_verification(call)
        if result is None:
            return None, None
        return result.ended, None if result.body is None else _Kept(result.body)


class _Kept:
    """A large output, as an awaitable."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def __await__(self) -> Any:
        return self._body
        yield  # makes this a generator, which is what awaiting needs
