"""Starts hosts ahead of the attempts that may run in them: less than an attempt, and worth it for less likely steps."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from actors.executor.host import shares_a_host
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.guesses import LEAST_LIKELY
from planners.model import NodeId
from planners.plans import Plan

_log = logging.getLogger(__name__)


class HostWarming:
    """Fulfils `reconciler.runtime.ports.Warming`.

    A host without resources takes nothing from anybody but the time of its start, so the price of idle time decides. A
    batch agent's host holds its resources until the agents are reloaded: a guess is not enough to start one.
    """

    def __init__(self, prepare: Callable[[Iterable[NodeId]], Awaitable[None]], catalog: Callable[[], Catalog]) -> None:
        """``prepare`` starts the hosts of nodes, unless they run; ``catalog``: the agents as they are now."""
        self._prepare = prepare
        self._catalog = catalog
        self._starting: asyncio.Task[None] | None = None

    def expect(self, guess: Plan) -> None:
        """Start the hosts that likely steps of a guess would run in. One start at a time: another guess follows."""
        agents = self._catalog().by_name
        nodes = {
            planned.placement.node
            for planned in guess.steps
            if planned.probability >= LEAST_LIKELY
            and (agent := agents.get(planned.placement.agent)) is not None
            and _has_a_light_host(agent)
        }
        if nodes and (self._starting is None or self._starting.done()):
            self._starting = asyncio.get_running_loop().create_task(self._start(nodes))

    async def _start(self, nodes: Iterable[NodeId]) -> None:
        try:
            await self._prepare(nodes)
        except Exception:  # noqa: BLE001 -- an attempt that needs the host starts it, and tells what is wrong with it
            _log.warning("hosts could not be started ahead of attempts", exc_info=True)


def _has_a_light_host(agent: AgentSpec) -> bool:
    return agent.kind is not AgentKind.BATCH and shares_a_host(agent)
