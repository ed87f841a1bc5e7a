"""A command leaves no process behind, however its attempt ends."""

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from attempts import Attempts, lives, until

from planners.agents import AgentSpec
from planners.resources import Resources
from reconciler.state.handoff import FailureKind

pytestmark = pytest.mark.ray
SMALL = Resources(cpus=0.1)


def family(mark: Path, then: str) -> AgentSpec:
    """A command whose shell has a child of its own in the background; both note their process ids."""
    script = f"sleep 600 & echo $! $$ $PPID > {mark}; {then}"
    return AgentSpec(name="family", capability="x", kind="command", target=("sh", "-c", script), resources=SMALL)


def noted(mark: Path) -> list[int]:
    return [int(pid) for pid in mark.read_text().split()]


async def running(attempts: Attempts, mark: Path) -> tuple[Any, list[int]]:
    attempt = attempts.start("family")
    await until(lambda: mark.exists() and len(mark.read_text().split()) == 3)
    return attempt, noted(mark)


async def test_flushing_kills_all_its_processes(attempts_with: Any, tmp_path: Path):
    attempts = attempts_with(family(tmp_path / "pids", "sleep 600"))
    attempt, pids = await running(attempts, tmp_path / "pids")

    attempts.executor.flush(attempts.task, [attempt])

    await until(lambda: not any(map(lives, pids)))


async def test_kill_9_of_the_worker_kills_all_its_processes(attempts_with: Any, tmp_path: Path):
    attempts = attempts_with(family(tmp_path / "pids", "sleep 600"))
    attempt, pids = await running(attempts, tmp_path / "pids")
    worker = next(above for above in psutil.Process(pids[2]).parents() if above.cmdline()[0].startswith("ray::")).pid

    os.kill(worker, signal.SIGKILL)

    assert (await attempts.result(attempt)).kind is FailureKind.WORKER_LOST
    await until(lambda: not any(map(lives, pids)))


async def test_a_finished_command_leaves_nothing_in_the_background(attempts_with: Any, tmp_path: Path):
    attempts = attempts_with(family(tmp_path / "pids", "echo 1"))

    assert await attempts.run("family") == 1

    pids = noted(tmp_path / "pids")
    await until(lambda: not any(map(lives, pids)))
