"""A CancelledError that an agent raises by itself is its own failure; that of a flushed attempt is nothing."""

import asyncio

import misbehaving_agents as m
import pytest
from attempts import Attempts

from actors.catalog import catalog_of
from actors.executor.stub import StubExecutor
from reconciler.state.handoff import FailureKind

AGENTS = [m.raises_cancelled, m.awaits_a_cancelled_task]


async def everything_has_ended():
    """All asyncio tasks but the test's."""
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others, timeout=5.0)


@pytest.mark.parametrize("agent", AGENTS)
async def test_a_cancelled_error_that_an_agent_raises_is_reported_as_its_failure(agent):
    attempts = Attempts(StubExecutor(catalog_of(*AGENTS)), "n1")
    attempt = attempts.start(agent)

    await everything_has_ended()

    assert attempts.of(attempt) == ["attempt_started", "attempt_failed"]
    failure = await attempts.result(attempt)
    assert (failure.kind, failure.retryable) == (FailureKind.ERROR, True)


async def test_an_attempt_that_was_flushed_reports_no_failure():
    executor = StubExecutor(catalog_of(*AGENTS))
    executor.hold("raises_cancelled")
    attempts = Attempts(executor, "n1")
    attempt = attempts.start(m.raises_cancelled)
    await attempts.started(attempt)

    executor.flush(attempts.task, [attempt])
    await everything_has_ended()

    assert attempts.of(attempt) == ["attempt_started"]
