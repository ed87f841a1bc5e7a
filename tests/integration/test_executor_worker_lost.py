"""A process that dies fails the attempt that ended it and no other, and the next attempt finds a new process."""

import os
import signal
from pathlib import Path
from typing import Any

import misbehaving_agents as m
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


async def test_kill_9_of_a_host_fails_no_attempt_and_the_next_one_gets_a_new_host(attempts_with: Any):
    attempts = attempts_with(s.waits, s.own_pid, processes_per_node=2)
    waiting = [attempts.start(s.waits, seconds=1.0) for _ in range(3)]
    host = await attempts.run(s.own_pid)

    os.kill(host, signal.SIGKILL)

    assert await attempts.run(s.own_pid) != host
    assert [await attempts.result(attempt) for attempt in waiting] == ["waited"] * 3
    assert [attempts.of(attempt) for attempt in waiting] == [["attempt_started", "attempt_finished"]] * 3


async def test_only_the_attempt_that_was_running_when_its_host_died_is_suspected(attempts_with: Any):
    attempts = attempts_with(m.exits_its_process, s.waits_and_tells_its_pid, s.own_pid)
    waiting = [attempts.start(s.waits_and_tells_its_pid, seconds=1.5) for _ in range(3)]
    await attempts.run(s.own_pid)  # reached the host after the others did

    failure = await attempts.run(m.exits_its_process)

    assert failure.kind is FailureKind.WORKER_LOST
    assert "exits_its_process" in failure.message
    assert len({await attempts.result(attempt) for attempt in waiting}) == 1, "they share the new host"


async def test_a_flushed_suspect_does_not_run_again(attempts_with: Any, tmp_path: Path):
    attempts, mark = attempts_with(s.waits, s.own_pid, s.finishes_late), tmp_path / "finished"
    flushed = attempts.start(s.finishes_late, mark=str(mark), seconds=0.5)
    kept = attempts.start(s.waits, seconds=0.5)
    host = await attempts.run(s.own_pid)

    os.kill(host, signal.SIGKILL)
    attempts.executor.flush(attempts.task, [flushed])

    assert await attempts.result(kept) == "waited"
    assert attempts.of(flushed) == ["attempt_started"]
    assert not mark.exists()


async def test_an_irreversible_agent_shares_no_process(attempts_with: Any):
    attempts = attempts_with(s.own_pid, s.own_pid_of_an_act)

    shared, own = await attempts.run(s.own_pid), await attempts.run(s.own_pid_of_an_act)

    assert shared != own
