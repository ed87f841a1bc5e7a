"""A process that dies under an agent is a failure of that attempt, and the next attempt finds a new process."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import sample_agents as s
from attempts import until

from reconciler.state.handoff import FailureKind

pytestmark = pytest.mark.ray


async def test_kill_9_of_a_worker_is_a_lost_worker(attempts_with: Any, tmp_path: Path):
    attempts, mark = attempts_with(s.sleeps, s.add_in_process), tmp_path / "pid"
    attempt = attempts.start(s.sleeps, mark=str(mark))
    await until(lambda: mark.exists() and mark.read_text() != "")

    os.kill(int(mark.read_text()), signal.SIGKILL)
    failure = await attempts.result(attempt)

    assert failure.kind is FailureKind.WORKER_LOST
    assert failure.retryable
    assert await attempts.run(s.add_in_process, a=1) == 2


async def test_an_agent_that_ends_its_process_is_a_lost_worker(attempts_with: Any):
    attempts = attempts_with(s.exits_at_once)

    assert (await attempts.run(s.exits_at_once)).kind is FailureKind.WORKER_LOST


async def test_kill_9_of_a_host_fails_what_ran_there_and_the_next_attempt_gets_a_new_host(attempts_with: Any):
    attempts = attempts_with(s.waits, s.own_pid)
    waiting = [attempts.start(s.waits) for _ in range(3)]
    host = await attempts.run(s.own_pid)

    os.kill(host, signal.SIGKILL)
    failures = [await attempts.result(attempt) for attempt in waiting]

    assert [failure.kind for failure in failures] == [FailureKind.WORKER_LOST] * 3
    assert await attempts.run(s.own_pid) != host
