"""Flushing frees what an attempt holds: the process of a sleeping sync agent is gone within a second."""

import time
from pathlib import Path
from typing import Any

import pytest
import sample_agents as s
from attempts import lives, until

pytestmark = pytest.mark.ray


async def test_flushing_a_sleeping_sync_agent_ends_its_process(attempts_with: Any, tmp_path: Path):
    attempts, mark = attempts_with(s.sleeps), tmp_path / "pid"
    attempt = attempts.start(s.sleeps, mark=str(mark))
    await until(lambda: mark.exists() and mark.read_text() != "")
    pid = int(mark.read_text())

    began = time.monotonic()
    attempts.executor.flush(attempts.task, [attempt])
    assert time.monotonic() - began < 10, "the event loop does not wait for the end of the process"
    await until(lambda: not lives(pid))

    assert attempts.of(attempt) == ["attempt_started"]


async def test_what_a_sync_agent_has_started_dies_with_it(attempts_with: Any, tmp_path: Path):
    attempts, mark = attempts_with(s.sleeps_with_a_child), tmp_path / "pids"
    attempts.start(s.sleeps_with_a_child, mark=str(mark))
    await until(lambda: mark.exists() and len(mark.read_text().split()) == 2)

    attempts.executor.release(attempts.task)

    await until(lambda: not any(lives(int(pid)) for pid in mark.read_text().split()))


async def test_a_flushed_async_agent_stops_and_its_host_goes_on(attempts_with: Any, tmp_path: Path):
    attempts = attempts_with(s.marks_its_end, s.add)
    mark = tmp_path / "end"
    attempt = attempts.start(s.marks_its_end, mark=str(mark))
    await attempts.started(attempt)
    await attempts.run(s.add, a=1)  # reached the host after the attempt did

    attempts.executor.flush(attempts.task, [attempt])

    await until(lambda: mark.exists() and mark.read_text() == "cancelled")
    assert await attempts.run(s.add, a=1) == 2
