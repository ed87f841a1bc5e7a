"""Attempts that nothing delays go to a ready host at once, and whatever becomes of them is reported once."""

import asyncio
from contextlib import suppress

import pytest
import sample_agents as s
from attempts import Attempts, output_of
from host_here import NODE, HereExecutor

from actors.agent import agent
from actors.catalog import catalog_of
from actors.executor import host_executor, time_limits
from planners.model import AttemptId
from reconciler.state.handoff import FailureKind


@agent("wait", timeout_s=0.01)
async def ignores_its_timeout():
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(600)
    await asyncio.sleep(600)


@agent("name")
async def names_its_task() -> str:
    task = asyncio.current_task()
    assert task is not None
    task.set_name("mine")
    return task.get_name()


CATALOG = catalog_of(
    *(s.add, s.broken, s.waits, s.waits_briefly, s.makes_in_host, s.publishes, ignores_its_timeout, names_its_task)
)


@pytest.fixture
async def executor(tmp_path):
    made = HereExecutor(CATALOG, tmp_path, inline_bytes=100, logs=None)
    await made.hosts.on(NODE)
    yield made
    await made.hosts.close()


@pytest.fixture
async def attempts(executor):
    mine = Attempts(executor, NODE)
    yield mine
    executor.release(mine.task)


async def test_an_attempt_that_nothing_delays_begins_at_once_and_has_no_task(executor, attempts):
    waiting = attempts.start(s.waits)
    await asyncio.sleep(0)

    assert attempts.of(waiting) == ["attempt_started"]
    assert not executor.has_task_of(waiting)


async def test_what_a_host_returns_is_reported_once(attempts):
    attempt = attempts.start(s.add, a=1)

    assert await attempts.result(attempt) == 2
    assert attempts.of(attempt) == ["attempt_started", "attempt_finished"]


async def test_an_agent_may_rename_its_asyncio_task(attempts):
    assert await attempts.run(names_its_task) == "mine"


async def test_an_attempt_whose_host_is_not_ready_waits_for_it(executor, attempts):
    await executor.hosts.end_of(executor.hosts.ready(NODE))

    attempt = attempts.start(s.add, a=1)

    assert executor.has_task_of(attempt)
    assert await attempts.result(attempt) == 2


async def test_the_failure_of_an_agent_is_reported_with_its_inputs(attempts):
    failure = await attempts.run(s.broken, a=4)

    assert (failure.kind, failure.error_type) == (FailureKind.ERROR, "ZeroDivisionError")
    assert failure.evidence.inputs == {"a": 4}


async def test_a_missing_input_fails_the_attempt(attempts):
    failure = await attempts.run(s.add, a=output_of(AttemptId("t.gone")))

    assert "is gone" in failure.message


async def test_a_large_output_travels_by_reference_and_can_be_read(attempts):
    made = attempts.start(s.makes_in_host, size=500)
    handoff = await attempts.ended(made)

    assert handoff.by_reference
    assert len(await attempts.executor.value(attempts.task, output_of(made, "text"))) == 500


async def test_staged_effects_are_kept_for_their_promotion(attempts):
    attempt = attempts.start(s.publishes, path="there", text="x")
    await attempts.ended(attempt)

    assert attempts.executor.staged(attempts.task, attempt) == {"there": b"x"}


async def test_a_flushed_attempt_reports_nothing_more(executor, attempts):
    flushed = attempts.start(s.waits)
    await asyncio.sleep(0)

    executor.flush(attempts.task, [flushed])

    assert await attempts.run(s.add, a=1) == 2
    assert attempts.of(flushed) == ["attempt_started"]
    assert executor.held() == {}


async def test_the_timeout_of_an_agent_is_its_failure(attempts):
    failure = await attempts.run(s.waits_briefly)

    assert failure.kind is FailureKind.TIMEOUT


async def test_an_attempt_that_ignores_its_timeout_fails_a_little_later(attempts, monkeypatch):
    monkeypatch.setattr(host_executor, "GRACE_S", 0.0)
    monkeypatch.setattr(time_limits, "_TICK_S", 0.01)

    failure = await attempts.run(ignores_its_timeout)

    assert failure.kind is FailureKind.TIMEOUT


async def test_an_attempt_whose_host_ends_runs_in_another_process_if_it_may_be_the_cause(executor, attempts):
    await attempts.run(s.add, a=1)
    attempt, host = attempts.start(s.waits), executor.hosts.ready(NODE)

    executor.hosts.made[0].die()

    await attempts.result(attempt)
    assert executor.alone == [attempt]
    assert executor.hosts.ended == [host]


async def test_an_attempt_whose_host_ends_through_another_one_runs_in_the_next_host(executor, attempts):
    await attempts.run(s.add, a=1)
    attempt, executor.hosts.culprit = attempts.start(s.waits, seconds=0.0), "t.other"

    executor.hosts.made[0].die()

    assert await attempts.result(attempt) == "waited"
    assert len(executor.hosts.made) == 2
    assert attempts.of(attempt) == ["attempt_started", "attempt_finished"]


@pytest.mark.parametrize("sample", [s.add, s.broken])
async def test_a_host_counts_the_attempts_that_run_in_it(executor, attempts, sample):
    host = executor.hosts.ready(NODE)
    attempt = attempts.start(sample, a=1)

    assert host.attempts == 1
    await attempts.result(attempt)
    assert host.attempts == 0
