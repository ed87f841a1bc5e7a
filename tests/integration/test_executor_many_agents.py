"""Thousands of async agents wait at once on one node."""

import asyncio
import time
from typing import Any

import pytest
import sample_agents as s

pytestmark = pytest.mark.ray
FEW, MANY = 500, 2_000


@pytest.mark.parametrize("agents", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
async def test_many_agents_wait_at_once(attempts_with: Any, cluster: Any, agents: int):
    attempts = attempts_with(s.spends)
    await attempts.executor.prepare([cluster.cpu])

    began = time.monotonic()
    spent = await asyncio.gather(*(attempts.run(s.spends, seconds=3.0) for _ in range(agents)))

    assert len(spent) == agents
    at_once = max(sum(began <= moment < ended for began, ended in spent) for moment, _ in spent[::100])
    assert at_once > agents / 4  # how many depends on how fast this machine starts them
    assert time.monotonic() - began < 60
