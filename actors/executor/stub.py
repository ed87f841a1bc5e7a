"""A local executor for tests of whatever drives an executor: attempts can be held, and nodes lost.

After `hold`, attempts of an agent begin but wait until `resume`.
"""

import asyncio
from collections.abc import Iterable
from typing import Unpack

from actors.executor.hosted import ExecutorOptions, HostedAttempt
from actors.executor.local_executor import LocalExecutor
from actors.invocation import Ended, Invocation
from actors.payloads.outputs import BoundInputs
from planners.agents import AgentSpec, Catalog
from planners.model import AgentName, AttemptId, NodeId


class StubExecutor(LocalExecutor):
    """A `LocalExecutor` on virtual nodes without bounds, that exist until `lose_node`."""

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

    async def _hosted(self, hosted: HostedAttempt, agent: AgentSpec, call: Invocation, bound: BoundInputs) -> Ended:
        if (held := self._held.get(agent.name)) is not None:
            await held.wait()
        return await super()._hosted(hosted, agent, call, bound)

    def _cancelled(self, attempts: Iterable[HostedAttempt]) -> None:
        stopped = list(attempts)
        self.cancelled += [hosted.order.attempt for hosted in stopped]
        super()._cancelled(stopped)
