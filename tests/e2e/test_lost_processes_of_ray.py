"""A local service whose raylet or control store dies ends and says so; the next start resumes its tasks."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from forerun import Client
from orchestrator.cli.exit_codes import ExitCode

from .conftest import Service, alive, started

pytestmark = pytest.mark.timeout(240)

_END_S = 10
_SLEEP = {"workflow": {"steps": [{"id": "a", "capability": "sleep", "inputs": {"seconds": 2}}]}}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Service]:
    """A service of this test's own; whatever is left of it is killed."""
    service = started(tmp_path)
    processes = {service.process.pid, *service.descendants()}
    yield service
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with service.process:
        pass


def _process(service: Service, wanted: str) -> int:
    names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in service.descendants()}
    return next(pid for pid, name in names.items() if name == wanted)


def _await_death(processes: set[int]) -> None:
    until = time.monotonic() + _END_S
    while alive(processes) and time.monotonic() < until:
        time.sleep(0.1)
    assert alive(processes) == set()


@pytest.mark.parametrize("killed", ["raylet", "gcs_server"])
def test_kill_9_of_a_process_of_ray_ends_the_service_and_a_restart_ends_its_tasks(own: Service, killed: str):
    with Client.sync(own.url) as client:
        task_id = client.submit(_SLEEP).id

    processes = own.descendants()

    os.kill(_process(own, killed), signal.SIGKILL)

    assert own.process.wait(_END_S) == ExitCode.SERVICE_FAILED
    told = own.log.read_text()
    assert "Ray" in told
    assert "has died" in told
    assert "Traceback" not in told
    _await_death(processes)
    again = started(own.log.parent)
    try:
        with Client.sync(again.url) as client:
            assert client.wait(task_id, 60).outputs == {"a": 2}
    finally:
        again.terminate()
