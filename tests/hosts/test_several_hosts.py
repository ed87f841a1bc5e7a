"""A cluster of three hosts that somebody else started: where parts sit, and what a cut link does."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import Hosts

# Three raylets, Serve and the service start on a machine that may be busy.
pytestmark = [pytest.mark.ray, pytest.mark.slow]

# The service's own parts, as Ray names their processes.
_PARTS = ("ray::ReconcilerActor", "ray::PlannerActor", "ray::LearnerActor", "ray::ServeReplica", "ray::ProxyActor")
# Hang guards, not figures: HTTP answers, and work of a lost host runs elsewhere.
_ANSWER_S, _ELSEWHERE_S, _SETTLED_S = 5.0, 30.0, 60.0
# The bandwidth of a snapshot before any link is measured.
_UNMEASURED = 1e9


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


def located(hosts: Hosts) -> dict[str, str]:
    """Address -> node id, of all hosts that agents run on."""
    steps = [{"id": f"s{i}", "capability": "locate", "inputs": {"index": i}} for i in range(12)]
    view = ended(hosts, submit(hosts, steps), 60)
    assert view["status"] == "succeeded", view
    return {address: node for _, address, node in view["outputs"].values()}


def wait_until(hosts: Hosts, task: str, condition: Callable[[list[dict[str, Any]]], bool], within_s: float) -> float:
    """Poll the timeline until the condition holds; the slowest answer in seconds."""
    began, slowest_s = time.monotonic(), 0.0
    while True:
        asked = time.monotonic()
        told = bars(hosts, task)
        slowest_s = max(slowest_s, time.monotonic() - asked)
        if condition(told):
            return slowest_s
        assert time.monotonic() < began + within_s, told
        time.sleep(0.1)


def test_the_service_sits_where_it_was_started_and_agents_run_on_every_host(hosts: Hosts):
    assert located(hosts).keys() >= {worker.address for worker in hosts.workers}
    for worker in hosts.workers:
        assert [title for title in titles(worker.pids()) if title.startswith(_PARTS)] == []


def test_hosts_on_one_machine_are_equally_fast_and_their_links_are_measured(hosts: Hosts):
    until = time.monotonic() + 60
    while (cluster := http(hosts, "GET", "/v1/nodes").json())["bandwidth_bytes_per_s"] == _UNMEASURED:
        assert time.monotonic() < until, cluster
        time.sleep(0.5)

    assert {node["speed"] for node in cluster["nodes"]} == {1.0}
    assert len({node["node_class"] for node in cluster["nodes"]}) == 1
    assert cluster["reservations"] == []


def test_a_host_that_is_cut_off_stops_neither_http_nor_its_tasks_and_stays_fenced(hosts: Hosts):
    lost = hosts.workers[0]
    node = located(hosts)[lost.address]
    witness, released = hosts.folder / "witness.tsv", hosts.folder / "released"
    lingering, acting = {f"l{i}" for i in range(30)}, {f"a{i}" for i in range(9)}
    more = {"until": str(released)}
    steps = [{"id": f"l{i}", "capability": "linger", "inputs": {"index": i, **more}} for i in range(30)]
    more |= {"witness": str(witness)}
    steps += [{"id": f"a{i}", "capability": "act", "inputs": {"index": i, **more}} for i in range(9)]
    task = submit(hosts, steps, planning={"mode": "wait"})
    wait_until(hosts, task, lambda told: running(told) == lingering | acting, 60)
    lost_acts = {bar["step"] for bar in bars(hosts, task) if bar["node"] == node} & acting

    lost.cut()
    slowest_s = wait_until(hosts, task, lambda told: running(told, but=node) >= lingering, _ELSEWHERE_S)
    released.touch()

    assert slowest_s < _ANSWER_S
    view = settled(hosts, task)
    assert lost_acts, "the plan puts acts on every host"
    assert {doubt["step"] for doubt in view["in_doubt"]} == lost_acts
    assert view["status"] == "in_doubt", view

    lost.heal()
    seen = {f"a{line.split()[0]}" for line in witness.read_text().splitlines()}
    for step in lost_acts:
        body = {"happened": True, "output": int(step[1:])} if step in seen else {"happened": False}
        answer = http(hosts, "POST", f"/v1/tasks/{task}/resolutions/{step}", json=body)
        assert answer.is_success, answer.text
    assert settled(hosts, task)["status"] == "succeeded"
    acts = [line.split()[0] for line in witness.read_text().splitlines()]
    assert sorted(acts) == sorted(step[1:] for step in acting), "no act is lost, and none is repeated once it heals"


def running(told: list[dict[str, Any]], but: str | None = None) -> set[str]:
    """The steps that run or have finished, on any node but this one."""
    return {bar["step"] for bar in told if bar["status"] in {"running", "finished"} and bar["node"] != but}


def settled(hosts: Hosts, task: str) -> dict[str, Any]:
    """The task once it has ended, or waits for somebody to say what has happened."""
    until = time.monotonic() + _SETTLED_S
    while (view := ended(hosts, task, 1))["status"] in {"planning", "running"}:
        assert time.monotonic() < until, view
    return view


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
    view = ended(hosts, submit(hosts, [{"id": "a", "capability": "locate", "inputs": {"index": 1}}]), 60)
    ends.set()
    poller.join(30)
    hosts.workers[1].heal()

    assert view["status"] == "succeeded", view
    assert max(slow) < _ANSWER_S
