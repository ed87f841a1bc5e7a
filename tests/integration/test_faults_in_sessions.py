"""What agents and operators do to the processes of sessions harms no other attempt, and costs no try that never was."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import session_agents as a
from attempts import Attempts, lives, until

from actors.executor import worker_sessions
from reconciler.state.handoff import Failure, FailureKind

pytestmark = pytest.mark.ray


@pytest.fixture
def with_sessions(attempts_with: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Attempts of the given agents, all of which get sessions. These end only when others need their room."""
    monkeypatch.setattr(worker_sessions, "LINGER_S", 600.0)
    monkeypatch.setattr(worker_sessions, "LEASE_S", 600.0)

    async def made(*agents: Any, **how: Any) -> Attempts:
        attempts: Attempts = attempts_with(*agents, **how)
        await attempts.executor.prepare([cluster.cpu])
        return attempts

    return made


async def test_an_act_whose_process_is_killed_before_it_has_read_it_certainly_never_began(
    with_sessions: Any, tmp_path: Path
):
    attempts, mark = await with_sessions(a.acts), tmp_path / "acts"
    pid = await attempts.run(a.acts, mark=str(mark))
    os.kill(pid, signal.SIGSTOP)

    unread = attempts.start(a.acts, mark=str(mark))
    await attempts.started(unread)
    os.kill(pid, signal.SIGKILL)
    failure = await attempts.ended(unread)

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.never_began, failure.counts) == (FailureKind.WORKER_LOST, True, False)
    assert "before this attempt began" in failure.message
    assert await attempts.run(a.acts, mark=str(mark)) != pid
    assert mark.read_text().splitlines() == ["acted"] * 2


async def test_an_attempt_whose_process_is_killed_has_used_up_a_try(with_sessions: Any, tmp_path: Path):
    attempts, mark = await with_sessions(a.tells_its_process_and_waits), tmp_path / "pid"
    await attempts.run(a.tells_its_process_and_waits, mark=str(mark), seconds=0.0)

    killed = attempts.start(a.tells_its_process_and_waits, mark=str(tmp_path / "other"))
    await attempts.started(killed)
    await until((tmp_path / "other").exists)
    os.kill(int(mark.read_text()), signal.SIGKILL)
    failure = await attempts.ended(killed)

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.never_began, failure.counts) == (FailureKind.WORKER_LOST, False, True)
    assert isinstance(await attempts.run(a.tells_its_process_and_waits, mark=str(mark), seconds=0.0), int)


async def test_a_session_that_is_killed_while_idle_harms_no_attempt(with_sessions: Any):
    attempts = await with_sessions(a.raises)
    pid = await attempts.run(a.raises, kind="")

    os.kill(pid, signal.SIGKILL)
    await until(lambda: not attempts.executor.held().get(attempts.node))

    assert isinstance(await attempts.run(a.raises, kind=""), int)


@pytest.mark.parametrize("kind", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
async def test_what_would_end_a_program_is_the_failure_of_the_attempt_and_ends_no_session(
    with_sessions: Any, kind: str
):
    attempts = await with_sessions(a.raises)
    pid = await attempts.run(a.raises, kind="")

    failure = await attempts.run(a.raises, kind=kind)

    assert (failure.kind, failure.error_type) == (FailureKind.ERROR, kind)
    assert await attempts.run(a.raises, kind="") == pid


async def test_a_thread_that_interrupts_an_idle_session_costs_no_try(with_sessions: Any, tmp_path: Path):
    attempts = await with_sessions(a.interrupts_its_process_when_idle, a.raises)
    mark = tmp_path / "interrupted"
    await attempts.run(a.interrupts_its_process_when_idle, mark=str(mark))
    await until(mark.exists)

    told = await attempts.run(a.interrupts_its_process_when_idle, mark=str(tmp_path / "later"))

    assert isinstance(told, int) or (told.never_began and not told.counts)
    assert isinstance(await attempts.run(a.raises, kind=""), int)


@pytest.mark.parametrize(("child", "code"), [("returns", 0), ("exits", 7), ("raises", 1)])
async def test_a_child_that_leaves_the_agents_code_ends_and_takes_no_attempt(with_sessions: Any, child: str, code: int):
    attempts = await with_sessions(a.forks)

    told = [await attempts.run(a.forks, child=child) for _ in range(3)]

    assert lives(told[0][0])
    assert told == [[told[0][0], code]] * 3


async def test_the_next_attempt_finds_its_process_as_the_first_one_did(with_sessions: Any):
    attempts = await with_sessions(a.leaves_a_mess)

    first, second = [await attempts.run(a.leaves_a_mess) for _ in range(2)]

    assert second == first


async def test_an_output_that_is_no_json_is_a_failure_and_ends_no_session(with_sessions: Any):
    attempts = await with_sessions(a.makes_what_is_no_json, a.raises)

    failures = [await attempts.run(a.makes_what_is_no_json) for _ in range(2)]

    assert [failure.error_type for failure in failures] == ["BadOutput"] * 2
    assert isinstance(await attempts.run(a.raises, kind=""), int)


async def test_flushes_between_attempts_lose_no_attempt_and_leave_no_process(with_sessions: Any, tmp_path: Path):
    attempts = await with_sessions(a.tells_its_process_and_waits)
    kept, flushed = [], []
    for number in range(30):
        one = attempts.start(a.tells_its_process_and_waits, mark=str(tmp_path / str(number)), seconds=0.01)
        (flushed if number % 3 == 2 else kept).append(one)
    await attempts.ended(kept[0])
    for one in flushed:
        attempts.executor.flush(attempts.task, [one])
        await asyncio.sleep(0)

    assert all([isinstance(await attempts.result(one), int) for one in kept])
    ended = {event.attempt for event in attempts.reports if event.event != "attempt_started"}
    assert not ended & set(flushed) - {flushed[0]}
