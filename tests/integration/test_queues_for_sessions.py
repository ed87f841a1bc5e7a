"""An attempt that waits for nothing but a session has no asyncio task, and ends like any other."""

from pathlib import Path
from typing import Any

import pytest
import sample_agents as s
import session_agents as a
from attempts import Attempts, lives, output_of, until

from actors.executor import worker_sessions
from planners.model import AttemptId
from reconciler.state.handoff import FailureKind

pytestmark = pytest.mark.ray

waits = a.tells_its_process_and_waits


@pytest.fixture
async def attempts(attempts_with: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Attempts:
    """Attempts of an executor that has run one of these agents, which get sessions."""
    monkeypatch.setattr(worker_sessions, "LINGER_S", 600.0)
    monkeypatch.setattr(worker_sessions, "LEASE_S", 600.0)
    made: Attempts = attempts_with(waits, s.makes)
    await made.executor.prepare([cluster.cpu])
    await made.run(waits, mark=str(tmp_path / "first"), seconds=0.0)
    return made


def has_no_task(attempts: Attempts, attempt: AttemptId) -> bool:
    return attempts.executor._live[attempts.task][attempt].waiter is None


async def running(attempts: Attempts, folder: Path, number: int) -> tuple[list[AttemptId], list[int]]:
    """Attempts that run, and their processes."""
    marks = [folder / f"running-{one}" for one in range(number)]
    started = [attempts.start(waits, mark=str(mark)) for mark in marks]
    await until(lambda: all(mark.exists() and mark.read_text() for mark in marks))
    return started, [int(mark.read_text()) for mark in marks]


async def test_it_has_no_asyncio_task_whether_a_session_is_idle_or_not(attempts: Attempts, tmp_path: Path):
    both = [attempts.start(waits, mark=str(tmp_path / "x"), seconds=0.0) for _ in range(5)]

    assert all(has_no_task(attempts, one) for one in both)
    assert all([isinstance(await attempts.result(one), int) for one in both])
    assert all(attempts.of(one) == ["attempt_started", "attempt_finished"] for one in both)


async def test_it_is_killed_when_its_time_is_up(attempts: Attempts, tmp_path: Path):
    failure = await attempts.run(waits, mark=str(tmp_path / "pid"), timeout_s=0.5)

    assert failure.kind is FailureKind.TIMEOUT
    assert failure.evidence.frame.function.endswith("tells_its_process_and_waits")
    await until(lambda: not lives(int((tmp_path / "pid").read_text())))


async def test_its_large_output_can_be_read(attempts: Attempts):
    made = [attempts.start(s.makes, size=1_000_000) for _ in range(2)]
    made += [attempts.start(s.makes, size=1_000_000) for one in made if await attempts.ended(one)]

    texts = [
        await attempts.executor.value(attempts.task, output_of(one, "text"))
        for one in made
        if await attempts.ended(one)
    ]

    assert [len(text) for text in texts] == [1_000_000] * 4


async def test_flushed_while_it_waits_it_takes_no_session(attempts: Attempts, tmp_path: Path):
    busy, _ = await running(attempts, tmp_path, 1)
    marks = [tmp_path / f"waiting-{number}" for number in range(40)]  # more than sessions can be
    waiting = [attempts.start(waits, mark=str(mark), seconds=0.0) for mark in marks]

    attempts.executor.flush(attempts.task, [*busy, *waiting[1:]])

    assert isinstance(await attempts.result(waiting[0]), int)
    assert not any(attempts.of(one)[1:] for one in (*busy, *waiting[1:]))
    await until(lambda: attempts.executor.held()[attempts.node].waiting.cpus <= 1)


async def test_on_a_lost_node_only_one_that_has_begun_may_have_acted(attempts: Attempts, tmp_path: Path):
    busy, _ = await running(attempts, tmp_path, 2)
    waiting, host = attempts.start(waits, mark=str(tmp_path / "waiting")), attempts.executor._hosts.ready(attempts.node)

    attempts.executor.forget_node(attempts.node)

    failures = [await attempts.ended(one) for one in (*busy, waiting)]
    assert [failure.kind for failure in failures] == [FailureKind.NODE_LOST] * 3
    assert [failure.never_began for failure in failures] == [False, False, True]
    await until(lambda: host.link._stream.is_closed)  # else it is closed when nobody listens any more


async def test_closing_ends_all_processes_and_what_waits(attempts: Attempts, tmp_path: Path):
    _, pids = await running(attempts, tmp_path, 2)
    waiting = attempts.start(waits, mark=str(tmp_path / "waiting"))

    attempts.executor.close()

    await until(lambda: not any(lives(pid) for pid in pids))
    assert attempts.of(waiting) == []


async def test_what_waits_during_a_reload_runs_all_the_same(attempts: Attempts, tmp_path: Path):
    waiting = [attempts.start(waits, mark=str(tmp_path / "x"), seconds=0.05) for _ in range(6)]

    attempts.executor.reload(attempts.executor.catalog)
    later = attempts.start(waits, mark=str(tmp_path / "x"), seconds=0.0)

    before = {await attempts.result(one) for one in waiting}
    assert await attempts.result(later) not in before
