"""An attempt that takes longer than it may is ended for real, whatever hosts it."""

from pathlib import Path
from typing import Any

import misbehaving_agents as m
import pytest
import sample_agents as s
from attempts import lives, until

from planners.agents import AgentSpec
from reconciler.state.handoff import FailureKind

pytestmark = pytest.mark.ray


def has_ended(mark: Path) -> bool:
    """Whether the process is gone that writes its id there first. It may have ended before it came to that."""
    written = mark.read_text() if mark.exists() else ""
    return not (written and lives(int(written)))


async def test_a_sync_agent_that_takes_too_long_is_killed(attempts_with: Any, tmp_path: Path):
    attempts, mark = attempts_with(s.sleeps_too_long), tmp_path / "pid"

    failure = await attempts.run(s.sleeps_too_long, mark=str(mark))

    assert failure.kind is FailureKind.TIMEOUT
    assert "3 s" in failure.message
    await until(lambda: has_ended(mark))


async def test_a_command_that_takes_too_long_is_killed(attempts_with: Any, tmp_path: Path):
    mark = tmp_path / "pid"
    argv = ("sh", "-c", f"echo $$ > {mark}; exec sleep 600")
    attempts = attempts_with(AgentSpec(name="slow", capability="wait", kind="command", target=argv, timeout_s=0.5))

    failure = await attempts.run("slow")

    assert failure.kind is FailureKind.TIMEOUT
    await until(lambda: has_ended(mark))


@pytest.mark.parametrize("how", [{}, {"logs": None}])
async def test_a_command_that_tells_no_progress_is_killed(attempts_with: Any, tmp_path: Path, how: dict[str, Any]):
    mark = tmp_path / "pid"
    argv = ("sh", "-c", f"echo $$ > {mark}; echo begun; exec sleep 600")
    settings = {"output": "out", "format": "text"}
    spec = AgentSpec(name="stalls", capability="wait", kind="command", target=argv, settings=settings, idle_s=1.0)
    attempts = attempts_with(spec, **how)

    failure = await attempts.run("stalls")

    assert failure.kind is FailureKind.TIMEOUT
    assert failure.message == "no progress for 1 s"
    await until(lambda: has_ended(mark))


async def test_time_spent_waiting_for_room_does_not_count(attempts_with: Any, cluster: Any):
    attempts = attempts_with(s.where_is_the_microscope)
    both = [attempts.start(s.where_is_the_microscope, on=cluster.lab, seconds=4.0, timeout_s=7.5) for _ in range(2)]

    assert [(await attempts.result(attempt))[0] for attempt in both] == [cluster.lab] * 2


async def test_an_async_agent_that_blocks_its_host_times_out_and_the_host_is_replaced(attempts_with: Any):
    attempts = attempts_with(s.blocks, s.waits, s.own_pid, heartbeat_timeout_s=0.5)
    neighbour = attempts.start(s.waits, seconds=0.5)
    host = await attempts.run(s.own_pid)

    assert (await attempts.run(s.blocks)).kind is FailureKind.TIMEOUT
    assert await attempts.run(s.own_pid) != host
    assert await attempts.result(neighbour) == "waited"


async def test_an_async_agent_that_blocks_its_host_and_has_no_timeout_fails(attempts_with: Any):
    attempts = attempts_with(m.blocks_its_loop, heartbeat_timeout_s=0.5)

    failure = await attempts.run(m.blocks_its_loop)

    assert (failure.kind, failure.error_type) == (FailureKind.ERROR, "BlockedEventLoop")
    assert "blocks_its_loop" in failure.message
    assert failure.fix
