"""Without Ray Serve the same API answers in the processes of the shards, and comes back after a crash."""

import time
from contextlib import suppress
from pathlib import Path

import live_service
import psutil
import pytest
from live_service import assert_gone

from orchestrator.client.client import Client
from orchestrator.client.errors import Busy, Unreachable
from reconciler.state.commands import RunStatus

# One process that answers and crashes is also among the ways to fail, which need such a service anyway.
pytestmark = pytest.mark.slow
GUARD_S = 120.0
CATALOG = Path(__file__).parent / "catalog.yaml"
COUNTED = {"workflow": {"steps": [{"id": "only", "capability": "count", "inputs": {"word": "plan"}}]}}


def shards_of(service):
    found = []
    for pid in service.descendants():
        with suppress(psutil.NoSuchProcess):  # a worker that Ray has ended meanwhile
            process = psutil.Process(pid)
            found += [process] if "ray::IngressShard" in " ".join(process.cmdline()) else []
    return found


def known(client, task_id):
    """A task, once its shard answers."""
    until = time.monotonic() + GUARD_S
    while True:
        try:
            return client.get(task_id)
        except Busy:
            assert time.monotonic() < until
            time.sleep(0.2)


def answered(client):
    """The view of a task, once the service answers."""
    until = time.monotonic() + GUARD_S
    while True:
        try:
            return client.submit(COUNTED, wait_s=60)
        except (Unreachable, Busy):
            assert time.monotonic() < until
            time.sleep(0.2)


@pytest.mark.parametrize("shards", [1, 2])
def test_tasks_run_and_a_process_that_answers_may_crash(tmp_path, shards):
    service = live_service.started(tmp_path, "--ingress", "direct", "--shards", str(shards), catalog=CATALOG)
    with Client.sync(service.url) as client:
        first = answered(client)
        answering = shards_of(service)
        assert len(answering) == shards
        answering[0].kill()
        second = answered(client)
        many = client.submit_many([COUNTED] * 10)
        ended = [client.wait(item.task.id, GUARD_S) for item in many.items]
        kept = known(client, first.id)
    processes = service.descendants()

    assert service.terminate() == 0, service.log.read_text()
    assert_gone(processes)
    assert first.outputs == second.outputs == kept.outputs == {"only": 4}
    assert {view.status for view in ended} == {RunStatus.SUCCEEDED}
