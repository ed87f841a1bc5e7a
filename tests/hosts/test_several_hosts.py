"""A cluster of three hosts that somebody else started: where parts sit, and what a cut link does."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import Hosts

# Three raylets, Serve and the service start on a machine that may be busy.
pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]

# The service's own parts, as Ray names their processes.
_PARTS = ("ray::ReconcilerActor", "ray::PlannerActor", "ray::LearnerActor", "ray::ServeReplica", "ray::ProxyActor")
# Bounds of the promise: HTTP answers, and work of a lost host runs elsewhere.
_ANSWER_S, _ELSEWHERE_S = 1.0, 10.0
_LINGER_S = 4.0


def http(hosts: Hosts, method: str, path: str, timeout_s: float = 30.0, **more: Any) -> httpx.Response:
    """A request from the host of the service."""
    return hosts.head.call(
        lambda: httpx.request(method, hosts.service.url + path, timeout=timeout_s, trust_env=False, **more),
        timeout_s + 10,
    )


def submit(hosts: Hosts, steps: list[dict[str, Any]], **more: Any) -> str:
    answer = http(hosts, "POST", "/v1/tasks", json={"workflow": {"steps": steps}, **more})
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return str(answer.json()["id"])


def ended(hosts: Hosts, task: str, within_s: float) -> dict[str, Any]:
    return dict(http(hosts, "GET", f"/v1/tasks/{task}?wait_s={within_s}", within_s + 20).json())


def bars(hosts: Hosts, task: str) -> list[dict[str, Any]]:
    return list(http(hosts, "GET", f"/v1/tasks/{task}/timeline").json()["bars"])


def titles(pids: set[int]) -> list[str]:
    found = []
    for pid in pids:
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_the_service_sits_where_it_was_started_and_agents_run_on_every_host(hosts: Hosts):
    steps = [{"id": f"s{i}", "capability": "locate", "inputs": {"index": i}} for i in range(12)]
    view = ended(hosts, submit(hosts, steps), 60)

    assert view["status"] == "succeeded", view
    assert {text.split("@")[1] for text in view["outputs"].values()} >= {worker.address for worker in hosts.workers}
    for worker in hosts.workers:
        assert [title for title in titles(worker.pids()) if title.startswith(_PARTS)] == []


def test_a_host_that_is_cut_off_stops_neither_http_nor_its_tasks_and_stays_fenced(hosts: Hosts):
    lost = hosts.workers[0]
    witness = hosts.folder / "witness.tsv"
    steps: list[dict[str, Any]] = [
        {"id": f"l{i}", "capability": "linger", "inputs": {"index": i, "seconds": _LINGER_S}} for i in range(30)
    ]
    steps += [
        {"id": f"a{i}", "capability": "act", "inputs": {"index": i, "seconds": _LINGER_S, "witness": str(witness)}}
        for i in range(6)
    ]
    task = submit(hosts, steps, planning={"mode": "wait"})
    until = time.monotonic() + 30
    while {bar["status"] for bar in bars(hosts, task)} != {"running"} and time.monotonic() < until:
        time.sleep(0.1)
    begun = len(bars(hosts, task))

    lost.cut()
    cut_at, slowest_s, answers = time.monotonic(), 0.0, 0
    view: dict[str, Any] = {}
    while time.monotonic() - cut_at < _LINGER_S + _ELSEWHERE_S + 30:
        began = time.monotonic()
        view = http(hosts, "GET", f"/v1/tasks/{task}").json()
        slowest_s, answers = max(slowest_s, time.monotonic() - began), answers + 1
        if view["status"] != "running":
            break
        time.sleep(0.1)
    took_s = time.monotonic() - cut_at

    assert begun >= len(steps), "all of it was under way when the link was cut"
    assert slowest_s < _ANSWER_S
    assert answers > 1
    assert took_s < _LINGER_S + _ELSEWHERE_S
    told = bars(hosts, task)
    lingering = [bar for bar in told if bar["step"].startswith("l")]
    assert {bar["step"] for bar in lingering if bar["status"] == "finished"} == {f"l{i}" for i in range(30)}
    doubtful = {bar["step"] for bar in told if bar["status"] == "in_doubt"}
    assert view["status"] == ("in_doubt" if doubtful else "succeeded")

    lost.heal()
    seen = witness.read_text().splitlines()
    for step in doubtful:
        happened = any(line.split("\t")[0] == step[1:] for line in seen)
        body = {"happened": happened, **({"output": int(step[1:])} if happened else {})}
        assert http(hosts, "POST", f"/v1/tasks/{task}/resolutions/{step}", json=body).status_code < 300
    assert ended(hosts, task, 60)["status"] == "succeeded"
    acts = [line.split("\t")[0] for line in witness.read_text().splitlines()]
    assert sorted(acts) == sorted(set(acts)), "no act was repeated, neither elsewhere nor when the link healed"
    assert set(acts) == {str(i) for i in range(6)}


def test_requests_are_answered_at_once_while_a_host_is_away(hosts: Hosts):
    hosts.workers[1].cut()
    slow: list[float] = []
    ends = threading.Event()

    def poll() -> None:
        while not ends.is_set():
            began = time.monotonic()
            http(hosts, "GET", "/v1/tasks")
            slow.append(time.monotonic() - began)
            ends.wait(0.1)

    poller = threading.Thread(target=poll, daemon=True)
    poller.start()
    view = ended(
        hosts, submit(hosts, [{"id": "a", "capability": "linger", "inputs": {"index": 1, "seconds": 0.5}}]), 60
    )
    ends.set()
    poller.join(30)
    hosts.workers[1].heal()

    assert view["status"] == "succeeded", view
    assert max(slow) < _ANSWER_S
