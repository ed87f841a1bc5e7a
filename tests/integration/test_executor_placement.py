"""Every attempt runs on the node that its order names, whatever hosts it."""

import asyncio
from typing import Any

import pytest
import sample_agents as s

from reconciler.state.handoff import FailureKind

pytestmark = pytest.mark.ray


@pytest.mark.parametrize("agent", [s.where, s.where_in_process])
async def test_attempts_land_on_the_node_of_their_order(attempts_with: Any, cluster: Any, agent: Any):
    attempts = attempts_with(agent)
    nodes = [cluster.cpu, cluster.cpu2, cluster.gpu, cluster.lab] * 2

    assert await asyncio.gather(*(attempts.run(agent, on=node) for node in nodes)) == nodes


async def test_a_node_that_never_was_is_a_lost_node(attempts_with: Any):
    attempts = attempts_with(s.where, s.where_in_process)
    nowhere = "0" * 56

    failures = await asyncio.gather(*(attempts.run(agent, on=nowhere) for agent in (s.where, s.where_in_process)))

    assert [failure.kind for failure in failures] == [FailureKind.NODE_LOST] * 2


async def test_a_node_that_can_never_give_what_an_agent_needs_is_a_final_failure(attempts_with: Any, cluster: Any):
    attempts = attempts_with(s.where_is_the_gpu)

    failure = await attempts.run(s.where_is_the_gpu, on=cluster.cpu2)

    assert failure.kind is FailureKind.LIMIT
    assert "where_is_the_gpu" in failure.message
    assert not failure.retryable
