"""A process of Ray that refuses connections counts as dead after some attempts, and is reported once."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from orchestrator.service.ray_watch import RayProcess, RayWatch


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def process(server: socket.socket, max_failures: int = 2) -> RayProcess:
    return RayProcess("raylet", "127.0.0.1", server.getsockname()[1], max_failures)


def test_a_process_that_accepts_connections_is_alive(listening):
    watch = RayWatch((process(listening),), on_death=pytest.fail)

    assert all(watch.check() for _ in range(3))
    assert watch.dead is None


def test_a_process_that_refuses_connections_is_dead_after_some_attempts(listening):
    raylet = process(listening)
    watch = RayWatch((raylet,), on_death=pytest.fail)
    assert watch.check()

    listening.close()

    assert [watch.check(), watch.check()] == [True, False]
    assert watch.dead is raylet


def test_attempts_in_a_row_count_and_not_their_sum(listening, monkeypatch):
    answers = iter([False, True, False, False])
    monkeypatch.setattr(RayProcess, "answers", property(lambda _: next(answers)))
    watch = RayWatch((process(listening),), on_death=pytest.fail)

    assert [watch.check() for _ in range(4)] == [True, True, True, False]


def test_a_death_is_reported_from_the_thread(listening):
    told = []
    watch = RayWatch((process(listening, 1),), on_death=lambda: told.append("dead"))
    watch._stopped.wait = lambda _: False
    listening.close()

    watch._run()

    assert told == ["dead"]


def test_a_worker_that_started_just_before_the_death_is_ended_too(listening):
    port = listening.getsockname()[1]
    command = [sys.executable, "-c", "input()", f"--gcs-address=127.0.0.1:{port}"]
    watch = RayWatch((process(listening),), on_death=pytest.fail)

    with subprocess.Popen(command, stdin=subprocess.PIPE) as worker:  # noqa: S603 - our own command
        watch.kill_children()

        assert worker.wait(10) == -9
