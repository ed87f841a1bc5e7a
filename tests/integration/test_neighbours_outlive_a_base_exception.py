"""A BaseException ends the attempt that raised it; the host, its other attempts and later ones go on."""

import asyncio
from typing import Any

import misbehaving_agents as m
import pytest
from attempts import Attempts

from planners.model import AttemptId
from reconciler.state.handoff import Failure, FailureKind

pytestmark = pytest.mark.ray

GUARD_S = 60.0


async def _result(attempts: Attempts, attempt: AttemptId) -> Any:
    """The output or the Failure. None: nothing was reported in time."""
    try:
        return await asyncio.wait_for(attempts.result(attempt), GUARD_S)
    except TimeoutError:
        return None


async def _beside(attempts: Attempts, agent: Any) -> tuple[Any, Any, Any]:
    """What becomes of an attempt, of one that was under way in the same host, and of one started afterwards."""
    await attempts.run(m.neighbour)
    under_way = attempts.start(m.neighbour, seconds=1.0)
    await attempts.started(under_way)
    own = await _result(attempts, attempts.start(agent))
    later = attempts.start(m.neighbour)
    return own, *await asyncio.gather(_result(attempts, under_way), _result(attempts, later))


async def test_a_keyboard_interrupt_ends_its_own_attempt_only(attempts_with: Any):
    attempts = attempts_with(m.raises_keyboard_interrupt, m.neighbour)

    own, under_way, later = await _beside(attempts, m.raises_keyboard_interrupt)

    assert (under_way, later) == ("neighbour", "neighbour")
    assert isinstance(own, Failure)
    assert (own.kind, own.error_type) == (FailureKind.ERROR, "KeyboardInterrupt")


async def test_an_exit_in_a_spawned_asyncio_task_ends_no_other_attempt(attempts_with: Any):
    attempts = attempts_with(m.spawns_an_exit, m.neighbour)

    own, under_way, later = await _beside(attempts, m.spawns_an_exit)

    assert (under_way, later) == ("neighbour", "neighbour")
    assert own == "went on" or isinstance(own, Failure)


async def test_a_keyboard_interrupt_in_a_worker_is_the_failure_of_its_attempt(attempts_with: Any):
    attempts = attempts_with(m.raises_keyboard_interrupt_in_a_worker)

    failure = await attempts.run(m.raises_keyboard_interrupt_in_a_worker)

    assert (failure.kind, failure.error_type) == (FailureKind.ERROR, "KeyboardInterrupt")
