"""Ctrl-C ends the service cleanly, leaves no process behind, and loses no task."""

import time

import pytest

from orchestrator.client.client import Client

from .conftest import Service, alive, restart

# Starts of Ray and Serve, on a machine that may be busy.
pytestmark = pytest.mark.timeout(400)
_SLEEP = {"workflow": {"steps": [{"id": "a", "capability": "sleep", "inputs": {"seconds": 2}}]}}


def interrupted(service: Service) -> tuple[str, dict[str, str]]:
    """Press Ctrl-C while a task runs; its id, and the other tasks with their status."""
    with Client.sync(service.url) as client:
        known = {view.id: view.status for view in client.list(limit=500).tasks if view.status.ended}
        running = client.submit(_SLEEP)
    processes = service.descendants()
    assert processes, "Ray runs beside it"

    code = service.interrupt()

    until = time.monotonic() + 10
    while alive(processes) and time.monotonic() < until:
        time.sleep(0.1)
    assert alive(processes) == set()
    told = service.log.read_text()
    assert code == 0, told
    assert "Traceback" not in told
    return running.id, known


@pytest.mark.slow  # what a restart knows, the tests of lost processes show too
def test_a_restart_after_ctrl_c_knows_every_task(service):
    running, known = interrupted(service)

    restart(service)

    with Client.sync(service.url) as client:
        assert client.wait(running, 60).outputs == {"a": 2}
        after = {view.id: view.status for view in client.list(limit=500).tasks}
    assert {task_id: after[task_id] for task_id in known} == known


def test_ctrl_c_ends_it_cleanly(service):
    """The last test of the shared service, which nobody starts again."""
    interrupted(service)
