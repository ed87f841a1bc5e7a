"""What agents print on Ray arrives while they run, survives their process, is bounded, and harms no other agent."""

from pathlib import Path
from tempfile import gettempdir

import printing_agents as p
import pytest
from attempts import until

from reconciler.state.handoff import Failure, FailureKind
from reconciler.views.logs import LogStream

pytestmark = pytest.mark.ray


@pytest.mark.parametrize("agent", [p.prints_and_waits, p.prints_and_waits_in_host])
async def test_lines_arrive_while_the_agent_runs(attempts_with, tmp_path, agent):
    attempts = attempts_with(agent)
    release = tmp_path / "go"

    attempt = attempts.start(agent, release=str(release))
    await attempts.printed(attempt, "waits")
    running = attempts.of(attempt)
    release.touch()
    await attempts.ended(attempt)

    assert running == ["attempt_started"]
    assert attempts.texts(attempt) == ["waits", "goes on"]


async def test_programs_that_a_sync_agent_starts_print_to_its_log(attempts_with):
    attempts = attempts_with(p.runs_a_program)

    attempt = attempts.start(p.runs_a_program)
    await attempts.ended(attempt)

    assert sorted((line.stream, line.text) for line in attempts.logs[attempt]) == [
        ("stderr", "err of a program"),
        ("stdout", "out of a program"),
    ]


async def test_what_cannot_be_attributed_goes_to_the_log_of_the_service_and_says_so(attempts_with, caplog):
    caplog.set_level("INFO", "actors.host")
    attempts = attempts_with(p.runs_a_program_in_host)

    assert await attempts.run(p.runs_a_program_in_host) == 0
    await until(lambda: "stdout, of no attempt: out of a program" in caplog.messages)

    assert attempts.logs == {}


async def test_the_last_lines_of_a_killed_worker_survive(attempts_with):
    attempts = attempts_with(p.prints_and_is_killed)

    attempt = attempts.start(p.prints_and_is_killed)
    failure = await attempts.ended(attempt)

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.WORKER_LOST
    assert attempts.texts(attempt) == ["last line of Python", "last words of C"]
    assert failure.evidence is not None
    assert failure.evidence.stderr == "last words of C"


async def test_the_last_lines_of_a_killed_host_survive(attempts_with):
    attempts = attempts_with(p.prints_and_kills_its_host)

    attempt = attempts.start(p.prints_and_kills_its_host)
    failure = await attempts.ended(attempt)

    assert isinstance(failure, Failure)
    assert set(attempts.texts(attempt)) == {"last line of the host"}


@pytest.mark.parametrize(
    ("agent", "megabytes"),
    [
        (p.floods_in_host, 15),
        pytest.param(p.floods_in_host, 100, marks=pytest.mark.slow),
        pytest.param(p.floods, 100, marks=pytest.mark.slow),
    ],
)
async def test_an_agent_that_prints_without_end_is_bounded_and_others_go_on(attempts_with, agent, megabytes):
    attempts = attempts_with(agent, p.prints_in_host, p.prints)

    flooding = attempts.start(agent, megabytes=megabytes)
    await attempts.started(flooding)
    others = [attempts.start(other, name="other") for other in (p.prints_in_host, p.prints)]
    for other in others:
        assert await attempts.result(other) == "other"
    assert await attempts.result(flooding) == megabytes

    lines = attempts.logs[flooding]
    dropped = [int(line.text.split()[0]) for line in lines if line.stream is LogStream.FORERUN]
    assert sum(len(line.text) for line in lines) < 1_300_000
    assert sum(dropped) + len(lines) - len(dropped) == 10_000 * megabytes + 1
    assert lines[-1].text == "the last line"
    assert all(len(attempts.logs[other]) >= 4 for other in others)


async def test_files_of_workers_that_are_gone_are_removed(attempts_with):
    attempts = attempts_with(p.prints_and_is_killed, p.prints_in_host)
    folder = Path(gettempdir()) / f"forerun-logs-{attempts.executor.name}"
    await attempts.run(p.prints_in_host, name="n")  # starts the host

    await attempts.ended(attempts.start(p.prints_and_is_killed))

    await until(lambda: not list(folder.glob("*.ring")))
