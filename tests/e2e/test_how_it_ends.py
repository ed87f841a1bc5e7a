"""Ctrl-C ends the service cleanly, leaves no process behind, and loses no task."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from polling import until

from benchmarks.service_process import url_of
from orchestrator.client.client import Client

from .conftest import Service, assert_gone, clean_environment, family, restart

_SLEEP = {"workflow": {"steps": [{"id": "a", "capability": "sleep", "inputs": {"seconds": 2}}]}}
_GUARD_S = 300  # against hangs


def runs_ray(pids: set[int]) -> bool:
    """Whether a raylet is among the processes."""
    for pid in pids:
        try:
            program = Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0]
        except OSError:
            continue
        if program.endswith(b"/raylet"):
            return True
    return False


@pytest.mark.parametrize(
    ("ingress", "asked"), [("direct", signal.SIGINT), ("direct", signal.SIGTERM), ("serve", signal.SIGTERM)]
)
def test_a_signal_while_the_service_starts_ends_it_and_leaves_no_process(tmp_path: Path, ingress, asked):
    """It would otherwise be heard once the service is ready, which takes 20 s and more on a busy machine."""
    command = [sys.executable, "-m", "orchestrator.cli", "up", "--port", "0", "--num-cpus", "1", "--ingress", ingress]
    command += ["--data-dir", str(tmp_path)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, text=True, env=clean_environment(), start_new_session=True
    ) as process:
        until(lambda: runs_ray(family(process.pid)))
        started = family(process.pid)

        process.send_signal(asked)
        told, _ = process.communicate(timeout=_GUARD_S)

    assert process.returncode == 130, told
    assert told == "Forerun has stopped before it was ready.\n"
    assert_gone(started)


@pytest.mark.parametrize("ingress", ["direct", "serve"])
def test_a_service_that_ends_as_soon_as_it_is_ready_leaves_no_process(tmp_path: Path, ingress):
    """Its learner starts only then."""
    command = [sys.executable, "-m", "orchestrator.cli", "up", "--json", "--port", "0", "--num-cpus", "1"]
    command += ["--ingress", ingress, "--data-dir", str(tmp_path)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, text=True, env=clean_environment(), start_new_session=True
    ) as process:
        try:
            url = url_of(process)
            assert httpx.get(f"{url}/readyz", timeout=_GUARD_S, trust_env=False).is_success
            started = family(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=_GUARD_S)

    assert process.returncode == 0
    assert_gone(started)


def interrupted(service: Service) -> tuple[str, dict[str, str]]:
    """Press Ctrl-C while a task runs; its id, and the other tasks with their status."""
    with Client.sync(service.url) as client:
        known = {view.id: view.status for view in client.list(limit=500).tasks if view.status.ended}
        running = client.submit(_SLEEP)
    processes = service.descendants()
    assert processes, "Ray runs beside it"

    code = service.interrupt()

    assert_gone(processes)
    told = service.log.read_text()
    assert code == 0, told
    assert "Traceback" not in told
    return running.id, known


@pytest.mark.slow  # what a restart knows, the tests of lost processes show too
def test_a_restart_after_ctrl_c_knows_every_task(service):
    running, known = interrupted(service)

    restart(service)

    with Client.sync(service.url) as client:
        assert client.wait(running, _GUARD_S).outputs == {"a": 2}
        after = {view.id: view.status for view in client.list(limit=500).tasks}
    assert {task_id: after[task_id] for task_id in known} == known


def test_ctrl_c_ends_it_cleanly(service):
    """The last test of the shared service, which nobody starts again."""
    interrupted(service)
