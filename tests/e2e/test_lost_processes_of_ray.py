"""A local service whose raylet or control store dies ends and says so; the next start resumes its tasks."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.cli.exit_codes import ExitCode
from orchestrator.client.client import Client

from .conftest import Service, assert_gone, restart

_GUARD_S = 300  # against hangs: the service itself notices within seconds
# Ray Serve takes seconds to start.
_SOONER = ("--ingress", "direct")
_SLEEP = {"workflow": {"steps": [{"id": "a", "capability": "sleep", "inputs": {"seconds": 2}}]}}


@pytest.fixture
def doomed(service: Service) -> Iterator[Service]:
    """The service, which is killed to the last process and started again if the test fails before it has."""
    processes = {service.process.pid, *service.descendants()}
    yield service
    if service.process.pid not in processes:
        return
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    restart(service, *_SOONER)


def _process(service: Service, wanted: str) -> int:
    (found,) = (pid for pid in service.descendants() if _name(pid) == wanted)
    return found


def _name(pid: int) -> str:
    with suppress(OSError):  # a worker of Ray that has ended meanwhile
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


@pytest.mark.parametrize("killed", ["gcs_server", pytest.param("raylet", marks=pytest.mark.slow)])
def test_kill_9_of_a_process_of_ray_ends_the_service_and_a_restart_ends_its_tasks(doomed: Service, killed: str):
    with Client.sync(doomed.url) as client:
        known = {view.id: view.status for view in client.list(limit=500).tasks if view.status.ended}
        task_id = client.submit(_SLEEP).id

    processes = doomed.descendants()

    os.kill(_process(doomed, killed), signal.SIGKILL)

    assert doomed.process.wait(_GUARD_S) == ExitCode.SERVICE_FAILED
    told = doomed.log.read_text()
    assert "Ray" in told
    assert "has died" in told
    assert "Traceback" not in told
    assert_gone(processes)
    restart(doomed, *_SOONER)
    with Client.sync(doomed.url) as client:
        assert client.wait(task_id, _GUARD_S).outputs == {"a": 2}
        after = {view.id: view.status for view in client.list(limit=500).tasks}
    assert {task: after[task] for task in known} == known
