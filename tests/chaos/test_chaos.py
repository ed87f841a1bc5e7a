"""Chaos over HTTP with real processes: whatever is killed, nothing acknowledged is lost and nothing happens twice.

Each seed submits random tasks, injects one fault in their middle, restarts the service where the fault ended it, and
waits. A person resolves what is in doubt, as the witness saw it. `make chaos` runs a hundred seeds.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx
import pytest
from live_service import Service, assert_gone, started

from .chaos_agents import witnessed
from .faults import FATAL, FAULTS, inject
from .random_tasks import ChaosTask, random_task

pytestmark = pytest.mark.timeout(1800)

# One seed in `make test`, one for each kind of fault in `make test-slow`, as many as asked for in `make chaos`.
_SEEDS = int(os.environ.get("FORERUN_CHAOS_SEEDS", len(FAULTS)))
_TASKS = 8
# Hang guards, not figures: how long the service may take to end, to admit a task, to finish all of them.
_END_S, _ADMIT_S, _FINISH_S = 120.0, 300.0, 300.0
_SERVICE_FAILED = 4


@dataclass
class Rig:
    """The service under test, started again when a fault has ended it, and the witness outside of it."""

    folder: Path
    service: Service

    @property
    def witness(self) -> Path:
        return self.folder / "witness.tsv"

    def restart(self) -> None:
        with self.service.process:  # closes its pipe
            pass
        self.service = start(self.folder)

    def acts(self) -> Counter[str]:
        return Counter(step for kind, step, _ in witnessed(self.witness) if kind == "act")

    def effects(self) -> dict[str, set[str]]:
        """Step -> idempotency keys of its promotions: a promotion may be repeated under the same key."""
        seen: dict[str, set[str]] = {}
        for kind, step, key in witnessed(self.witness):
            if kind == "effect":
                seen.setdefault(step, set()).add(key)
        return seen


def start(folder: Path) -> Service:
    return started(folder, catalog=Path(__file__).with_name("catalog.yaml"))


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("chaos")
    running = Rig(folder, start(folder))
    yield running
    below = running.service.descendants()
    assert running.service.terminate() == 0, running.service.log.read_text()
    assert_gone(below)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, _SEEDS))])
def test_nothing_is_lost_and_nothing_happens_twice(rig: Rig, seed: int):
    random = Random(seed)
    tasks = [random_task(random, f"seed{seed}-{number}", str(rig.witness)) for number in range(_TASKS)]
    faults = [FAULTS[seed % len(FAULTS)]]
    if rig.service.process.poll() is not None:  # an earlier seed has failed
        rig.restart()

    ids = {task.key: admitted(rig, task) for task in tasks[: _TASKS // 2]}
    time.sleep(random.uniform(0.0, 1.2))  # the moment of the fault is what the seed decides
    for fault in faults:
        below = rig.service.descendants()
        if inject(rig.service, fault, random) and fault in FATAL:
            code = rig.service.process.wait(_END_S)
            assert fault == "everything" or code == _SERVICE_FAILED, rig.service.log.read_text()
            assert_gone(below)
            rig.restart()
    ids |= {task.key: admitted(rig, task) for task in tasks[_TASKS // 2 :]}

    for task in tasks:
        view = finished(rig, ids[task.key], task)
        assert view["status"] == "succeeded", json.dumps([faults, view["failure"]])
        assert view["outputs"] == task.outputs
        assert {step: rig.acts()[step] for step in task.acts} == dict.fromkeys(task.acts, 1)
        assert {step: len(rig.effects().get(step, ())) for step in task.effects} == dict.fromkeys(task.effects, 1)


def admitted(rig: Rig, task: ChaosTask) -> str:
    """Submit under an idempotency key until it is acknowledged; the id."""
    until = time.monotonic() + _ADMIT_S
    while True:
        try:
            answer = httpx.post(
                f"{rig.service.url}/v1/tasks", json=task.body, headers={"Idempotency-Key": task.key}, timeout=30
            )
            if answer.status_code == httpx.codes.ACCEPTED:
                return str(answer.json()["id"])
            assert answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR, answer.text
        except httpx.TransportError:
            pass
        assert time.monotonic() < until, f"{task.key} was not admitted: {rig.service.log.read_text()}"
        time.sleep(0.2)


def finished(rig: Rig, task_id: str, task: ChaosTask) -> dict:
    """Wait for the end; whatever is in doubt on the way is resolved as the witness saw it."""
    until = time.monotonic() + _FINISH_S
    view: dict = {}
    while time.monotonic() < until:
        try:
            answer = httpx.get(f"{rig.service.url}/v1/tasks/{task_id}", params={"wait_s": 2}, timeout=40)
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        if answer.status_code != httpx.codes.OK:
            assert answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR, answer.text
            time.sleep(0.2)
            continue
        view = answer.json()
        if view["status"] in {"succeeded", "failed", "cancelled"}:
            return view
        for step in view.get("in_doubt") or ():
            resolve(rig, task_id, step if isinstance(step, str) else step["step"], task)
    pytest.fail(f"{task_id} has not ended: {view}")


def resolve(rig: Rig, task_id: str, step: str, task: ChaosTask) -> None:
    """What a person does who has looked at the world."""
    happened = rig.acts()[f"{task.key}.{step}"] > 0
    answer = ["--happened", json.dumps(task.outputs[step])] if happened else ["--did-not-happen"]
    command = [sys.executable, "-m", "orchestrator.cli", "resolve", task_id, step, *answer, "--url", rig.service.url]
    subprocess.run(command, capture_output=True, text=True, timeout=_FINISH_S, check=False)  # noqa: S603
