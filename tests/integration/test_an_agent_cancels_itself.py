"""A CancelledError that nobody asked for is the agent's own failure, and is tried again."""

from typing import Any

import misbehaving_agents as m
import pytest

from reconciler.state.handoff import FailureKind

pytestmark = pytest.mark.ray


@pytest.mark.parametrize(
    "agent", [m.raises_cancelled, m.awaits_a_cancelled_task, m.raises_cancelled_in_a_worker], ids=lambda a: a.__name__
)
async def test_a_cancelled_error_of_the_agent_is_its_own_failure(attempts_with: Any, agent: Any):
    failure = await attempts_with(agent).run(agent)

    assert (failure.kind, failure.error_type) == (FailureKind.ERROR, "CancelledError")
    assert failure.retryable
