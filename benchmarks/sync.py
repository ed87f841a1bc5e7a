"""What sync agents cost beside bare Ray tasks, in turn, and how soon they are killed."""

import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import ray
from pydantic import PositiveInt

from benchmarks.cpu_by_process import cpu_s
from benchmarks.peers.forerun_tasks import chain, fan
from benchmarks.peers.workload import check, pass_on_sync
from benchmarks.progress import tracked
from benchmarks.serving import quantile, running
from benchmarks.timed_client import timed
from orchestrator.client.blocking import SyncClient
from orchestrator.client.client import Client
from orchestrator.settings import Http, IngressMode, PlanningSettings
from planners.agents import AgentKind, AgentSpec, Catalog

_WAIT_S = 120.0
_POLL_S = 0.002
# An attempt that is killed would otherwise go on for so long.
_HOLD_S = 60.0


def holds(file: str) -> None:
    """An agent that writes the id of its process to a file and then sleeps."""
    written = Path(f"{file}.new")
    written.write_text(str(os.getpid()), encoding="ascii")
    written.rename(file)
    time.sleep(_HOLD_S)


def run(
    steps: PositiveInt = 500, chained: PositiveInt = 100, rounds: PositiveInt = 5, kills: PositiveInt = 20
) -> dict[str, Any]:
    """Run trivial sync agents and bare Ray tasks on the same Ray, in turn.

    ``fan``: ``steps`` of them side by side, ``chain``: ``chained`` one after another, as bare Ray tasks and as one task
    of Forerun that a client in another process submits. ``ms``: elapsed milliseconds for each, ``cpu_ms``: CPU time of
    all processes but that client's; medians over ``rounds``, of their ratios as well. ``killed_ms``: from the request
    that cancels a task until the process of its attempt is gone.
    """
    http = Http(port=0, ingress=IngressMode.DIRECT, max_wait_s=_WAIT_S)
    # In its new folder, a service would compile the kernel for half a minute, on one of the cores that are measured.
    with running(_catalog(), http=http, planning=PlanningSettings(compiled=False)) as service:
        return {
            "rounds": rounds,
            "fan": {
                "steps": steps,
                **_compared(service.url, fan(steps, "pass_on"), lambda: _bare_fan(steps), steps, rounds),
            },
            "chain": {
                "steps": chained,
                **_compared(service.url, chain(0, chained), lambda: _bare_chain(chained), chained, rounds),
            },
            "killed_ms": _killed(_killed_ms(service.url, kills)),
        }


def _catalog() -> Catalog:
    agents = {"pass_on": (pass_on_sync, 0.001), "hold": (holds, _HOLD_S)}
    return Catalog(
        agents=tuple(
            AgentSpec(
                name=name,
                capability=name,
                kind=AgentKind.SYNC,
                target=f"{body.__module__}:{body.__name__}",
                expected_s=expected_s,
            )
            for name, (body, expected_s) in agents.items()
        )
    )


def _bare_fan(width: int) -> None:
    step = ray.remote(pass_on_sync)
    check(ray.get([step.remote(number) for number in range(width)]), [{"before": number} for number in range(width)])


def _bare_chain(length: int) -> None:
    """Each value is fetched before the next task starts, as Forerun does, which records it."""
    step, value = ray.remote(pass_on_sync), 0
    for _ in range(length):
        value = ray.get(step.remote(value))


def _compared(url: str, task: dict[str, Any], bare: Callable[[], None], steps: int, rounds: int) -> dict[str, Any]:
    """Milliseconds a step of both, and how many times more Forerun needs."""
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    variants = {"forerun": lambda: timed(url, [[task]])[0], "bare": lambda: _seconds(bare)}
    for number in tracked(range(-1, rounds), "rounds"):
        for name in sorted(variants, reverse=bool(number % 2)):
            measured = _measured(variants[name], steps)
            if number >= 0:  # the first round warms up
                found[name].append(measured)
    elapsed, cpu = (
        statistics.median(ours[kind] / bare[kind] for ours, bare in zip(found["forerun"], found["bare"], strict=True))
        for kind in (0, 1)
    )
    medians = {name: [statistics.median(values) for values in zip(*found[name], strict=True)] for name in variants}
    return {
        "ms": {name: ms for name, (ms, _) in medians.items()},
        "cpu_ms": {name: ms for name, (_, ms) in medians.items()},
        "over_bare": {"ms": elapsed, "cpu_ms": cpu},
    }


def _measured(work: Callable[[], float], steps: int) -> tuple[float, float]:
    """Milliseconds a step: elapsed, as ``work`` says, and CPU of this process and those of Ray and the service."""
    before, own_s = cpu_s(), time.process_time()
    seconds = work()
    used_s = time.process_time() - own_s
    used_s += sum(used - before.get(pid, ("", 0.0))[1] for pid, (_, used) in cpu_s().items())
    return 1e3 * seconds / steps, 1e3 * used_s / steps


def _seconds(work: Callable[[], None]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def _killed_ms(url: str, kills: int) -> list[float]:
    found = []
    with tempfile.TemporaryDirectory(prefix="forerun-sync-") as folder, Client.sync(url) as client:
        for number in range(kills):
            file = Path(folder) / str(number)
            step = {"id": "hold", "capability": "hold", "inputs": {"file": str(file)}}
            submitted = client.submit({"kind": "hold", "workflow": {"steps": [step]}})
            found.append(_killed_in_ms(client, submitted.id, file))
    return found


def _killed_in_ms(client: SyncClient, task: str, file: Path) -> float:
    until_s = time.monotonic() + _WAIT_S
    while not file.exists() and time.monotonic() < until_s:
        time.sleep(_POLL_S)  # another process writes it
    process = psutil.Process(int(file.read_text(encoding="ascii")))
    began_s = time.perf_counter()
    client.cancel(task)
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until_s:
        time.sleep(_POLL_S)  # it is a child of Ray's, not of this process
    return 1e3 * (time.perf_counter() - began_s)


def _killed(killed_ms: list[float]) -> dict[str, float]:
    return {"p50": quantile(killed_ms, 0.5), "most": max(killed_ms)}
