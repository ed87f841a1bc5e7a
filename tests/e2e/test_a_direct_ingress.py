"""Without Ray Serve the same API answers in the processes of the shards, and comes back after a crash."""

import time
import uuid
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
GUARD_S = 300.0
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
            return client.submit(COUNTED, wait_s=GUARD_S)
        except (Unreachable, Busy):
            assert time.monotonic() < until
            time.sleep(0.2)


def all_admitted(client):
    """The ids of ten tasks, once all shards answer: each task falls to one of them."""
    key, until = uuid.uuid4().hex, time.monotonic() + GUARD_S
    while True:
        with suppress(Unreachable, Busy):
            items = client.submit_many([COUNTED] * 10, key).items
            if all(item.task is not None for item in items):
                return [item.task.id for item in items]
        assert time.monotonic() < until


@pytest.mark.parametrize("shards", [1, 2])
def test_tasks_run_and_a_process_that_answers_may_crash(tmp_path, shards):
    service = live_service.started(tmp_path, "--ingress", "direct", "--shards", str(shards), catalog=CATALOG)
    with Client.sync(service.url) as client:
        first = answered(client)
        answering = shards_of(service)
        assert len(answering) == shards
        answering[0].kill()
        second = answered(client)
        ended = [client.wait(task_id, GUARD_S) for task_id in all_admitted(client)]
        kept = known(client, first.id)
    processes = service.descendants()

    assert service.terminate() == 0, service.log.read_text()
    assert_gone(processes)
    assert first.outputs == second.outputs == kept.outputs == {"only": 4}
    assert {view.status for view in ended} == {RunStatus.SUCCEEDED}
