"""Executors on the shared local cluster."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from attempts import Attempts

from actors.catalog import catalog_of
from actors.executor.ray_executor import RayExecutor
from planners.agents import AgentSpec, Catalog

Started = Callable[..., Attempts]


@pytest.fixture
async def attempts_with(cluster: Any) -> AsyncIterator[Started]:
    """Attempts of the given agents (callables or specs) on a Ray executor of their own; ended with the test."""
    executors: list[RayExecutor] = []

    def make(*agents: Any, **how: Any) -> Attempts:
        declared = catalog_of(*(agent for agent in agents if not isinstance(agent, AgentSpec)))
        specs = tuple(agent for agent in agents if isinstance(agent, AgentSpec))
        executors.append(RayExecutor(Catalog(agents=(*declared.agents, *specs)), **how))
        return Attempts(executors[-1], cluster.cpu, task=f"t{len(executors)}")

    yield make
    for executor in executors:
        executor.close()
