"""Sync attempts that follow one another share a Ray task and its process; what Ray holds for them stays true."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import printing_agents as p
import pytest
import ray
import sample_agents as s
import session_agents as a
from attempts import Attempts, lives, output_of, until

from actors.executor import worker_sessions
from actors.executor.nodes import free_resources
from reconciler.state.handoff import FailureKind

pytestmark = pytest.mark.ray


@pytest.fixture
def with_sessions(attempts_with: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Attempts of the given agents, all of which get sessions. These end only when others need their room."""
    monkeypatch.setattr(worker_sessions, "LINGER_S", 600.0)
    monkeypatch.setattr(worker_sessions, "LEASE_S", 600.0)

    async def made(*agents: Any, **how: Any) -> Attempts:
        attempts: Attempts = attempts_with(*agents, **how)
        await attempts.executor.prepare([cluster.cpu, cluster.lab])
        return attempts

    return made


async def free_cpus(node: str) -> float:
    return (await free_resources()).get(node, {}).get("CPU", 0.0)


async def all_are_free(node: str) -> None:
    async with asyncio.timeout(120):
        while await free_cpus(node) < 2:  # noqa: ASYNC110 - Ray tells nobody
            await asyncio.sleep(0.05)


async def test_attempts_one_after_another_share_a_ray_task_that_holds_their_resources(
    with_sessions: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
):
    await all_are_free(cluster.cpu)
    attempts = await with_sessions(a.tells_its_task)

    told = [await attempts.run(a.tells_its_task) for _ in range(3)]

    assert len({tuple(one) for one in told}) == 1
    async with asyncio.timeout(120):
        while await free_cpus(cluster.cpu) != 1:  # noqa: ASYNC110 - Ray tells nobody
            await asyncio.sleep(0.05)
    assert attempts.executor.held()[cluster.cpu].waiting.cpus == 1
    monkeypatch.setattr(worker_sessions, "LINGER_S", 0.0)
    monkeypatch.setattr(worker_sessions, "LEASE_S", -1.0)
    await attempts.run(a.tells_its_task)
    await all_are_free(cluster.cpu)


async def test_a_full_node_gives_room_to_other_agents_of_the_executor(with_sessions: Any):
    attempts = await with_sessions(a.tells_its_task, a.tells_its_task_too)
    await asyncio.gather(*(attempts.run(a.tells_its_task, seconds=0.3) for _ in range(2)))  # one on each CPU

    task, _ = await attempts.run(a.tells_its_task_too)

    assert task != (await attempts.run(a.tells_its_task))[0]


async def test_executors_take_turns_in_what_only_one_can_have(
    with_sessions: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
):
    both = [await with_sessions(a.tells_when), await with_sessions(a.tells_when)]
    monkeypatch.setattr(worker_sessions, "LEASE_S", 0.3)
    monkeypatch.setattr(worker_sessions, "LINGER_S", 0.05)

    told = await asyncio.gather(
        *(attempts.run(a.tells_when, on=cluster.lab, seconds=0.2) for attempts in both for _ in range(4))
    )

    intervals = sorted((began, ended) for _, began, ended in told)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(intervals)), intervals
    assert 1 < len({task for task, _, _ in told}) < len(told)


async def test_no_more_attempts_run_at_once_than_the_node_has_room_for(with_sessions: Any):
    attempts = await with_sessions(a.tells_its_task)

    told = await asyncio.gather(*(attempts.run(a.tells_its_task) for _ in range(20)))

    assert len({task for task, _ in told}) <= 2


async def test_flushing_ends_the_process_of_the_attempt_and_no_other_attempt(with_sessions: Any, tmp_path: Path):
    attempts, mark = await with_sessions(s.sleeps, s.finishes_late_in_process), tmp_path / "pid"
    kept = attempts.start(s.finishes_late_in_process, mark=str(tmp_path / "kept"), seconds=1.0)
    flushed = attempts.start(s.sleeps, mark=str(mark))
    await until(lambda: mark.exists() and mark.read_text() != "")
    pid = int(mark.read_text())

    attempts.executor.flush(attempts.task, [flushed])

    await until(lambda: not lives(pid))
    assert await attempts.result(kept) == "late"
    assert attempts.of(flushed) == ["attempt_started"]


async def test_an_attempt_that_takes_too_long_is_killed_and_its_stack_is_told(with_sessions: Any, tmp_path: Path):
    attempts, mark = await with_sessions(a.sleeps_too_long), tmp_path / "pid"

    failure = await attempts.run(a.sleeps_too_long, mark=str(mark))

    assert failure.kind is FailureKind.TIMEOUT
    assert failure.evidence.frame.function.endswith("sleeps_too_long")
    await until(lambda: not lives(int(mark.read_text())))


async def test_a_process_that_ends_itself_is_a_lost_worker_and_says_how(with_sessions: Any):
    attempts = await with_sessions(s.exits_at_once)
    await attempts.run(s.exits_at_once)

    failure = await attempts.run(s.exits_at_once)

    assert failure.kind is FailureKind.WORKER_LOST
    assert "os._exit(3)" in failure.message


async def test_a_process_that_dies_between_attempts_fails_none(with_sessions: Any):
    attempts = await with_sessions(a.dies_when_idle)

    gone = await attempts.run(a.dies_when_idle)
    await until(lambda: not lives(gone))
    await until(lambda: not attempts.executor.held().get(attempts.node))

    assert isinstance(await attempts.run(a.dies_when_idle), int)


async def test_large_outputs_and_staged_effects_leave_a_session(with_sessions: Any, cluster: Any):
    attempts = await with_sessions(s.makes, s.reads_all, s.publishes_in_process)

    made = [attempts.start(s.makes, size=1_000_000) for _ in range(3)]
    handoffs = [await attempts.ended(attempt) for attempt in made]
    staged = attempts.start(s.publishes_in_process, path="there", text="x")
    await attempts.ended(staged)

    assert all(handoff.by_reference for handoff in handoffs)
    read = [await attempts.executor.value(attempts.task, output_of(attempt, "text")) for attempt in made]
    assert [len(text) for text in read] == [1_000_000] * 3
    assert attempts.executor.staged(attempts.task, staged) == {"there": b"x"}


async def test_each_attempt_has_the_lines_that_it_has_printed(with_sessions: Any):
    attempts = await with_sessions(p.runs_a_program)

    both = [attempts.start(p.runs_a_program) for _ in range(2)]
    for attempt in both:
        await attempts.ended(attempt)

    lines = ["err of a program", "out of a program"]
    assert [sorted(attempts.texts(attempt)) for attempt in both] == [lines, lines]


async def test_after_a_reload_attempts_run_in_other_processes(with_sessions: Any):
    attempts = await with_sessions(a.tells_its_task)
    _, before = await attempts.run(a.tells_its_task)

    attempts.executor.reload(attempts.executor.catalog)
    await attempts.executor.prepare([attempts.node])

    assert (await attempts.run(a.tells_its_task))[1] != before


async def test_an_executor_that_closes_leaves_no_session(with_sessions: Any, cluster: Any):
    attempts = await with_sessions(a.tells_its_task)
    await attempts.run(a.tells_its_task)

    attempts.executor.close()

    await all_are_free(cluster.cpu)
    assert ray.is_initialized()
