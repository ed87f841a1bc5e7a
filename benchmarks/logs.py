"""What it costs to capture logs: CPU time a task of a service that captures them, relative to one that does not."""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import PositiveInt

from benchmarks.progress import tracked
from benchmarks.service_process import family_cpu_s, url_of
from orchestrator.client.client import Client
from reconciler.views.models import TaskView

_STEPS = 5
_START_S = 300.0
_SETTLE_S = 1.5
_CATALOG = """
agents:
  - {name: async-agent, capability: async, target: "benchmarks.printing:prints_async", expected_s: 0.001}
  - {name: sync-agent, capability: sync, target: "benchmarks.printing:prints_sync", expected_s: 0.001}
"""


def run(
    pairs: PositiveInt = 7, tasks: PositiveInt = 100, lines: PositiveInt = 5, *, control: bool = False
) -> dict[str, Any]:
    """Measure two services, one with `logs.capture` and one without, in turns.

    Both run at the same time, each on a Ray of its own, and only the processes of the one under load are counted. A
    task is a chain of five agents that print nothing, or ``lines`` lines each. A pair is with, without, without, with,
    so that a steady drift cancels; each pair starts two services anew, because one and the same service stays a few
    percent dearer or cheaper than another for as long as it runs. ``overhead`` is the median over the pairs of CPU
    time with capture by CPU time without, less 1. With ``control`` neither service captures: what is found then is the
    error of the measurement.
    """
    workloads = {
        "quiet": ("async", 0, tasks),
        "printing": ("async", lines, tasks),
        "printing, a process each": ("sync", lines, max(1, tasks // 5)),
    }
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in workloads}
    for number in tracked(range(pairs), "pairs"):
        for name, cost in _pair(workloads, control=control, capture_first=bool(number % 2)).items():
            costs[name].append(cost)
    return {
        "control": control,
        "pairs": pairs,
        "lines": lines,
        "workloads": {name: _compared(costs[name], workload[-1]) for name, workload in workloads.items()},
    }


def _pair(
    workloads: dict[str, tuple[str, int, int]], *, control: bool, capture_first: bool
) -> dict[str, tuple[float, float]]:
    """CPU time a task of each workload in ms, with capture and without, of two services that start for it."""
    with ExitStack() as stack:
        services = {
            captures: stack.enter_context(_service(capture=captures and not control))
            for captures in (capture_first, not capture_first)
        }
        return {name: _costs(services, workload) for name, workload in workloads.items()}


def _costs(services: dict[bool, "_Service"], workload: tuple[str, int, int]) -> tuple[float, float]:
    costs = dict.fromkeys(services, 0.0)
    for service in services.values():
        service.cpu_ms_per_task(*workload)  # warms up
    for captures in (*services, *reversed(services)):
        costs[captures] += services[captures].cpu_ms_per_task(*workload) / 2
    return costs[True], costs[False]


def _compared(measured: list[tuple[float, float]], tasks: int) -> dict[str, Any]:
    ratios = sorted(with_it / without - 1 for with_it, without in measured)
    return {
        "tasks": tasks,
        "cpu_ms_per_task": {
            "with capture": round(statistics.median(with_it for with_it, _ in measured), 2),
            "without": round(statistics.median(without for _, without in measured), 2),
        },
        "overhead": round(statistics.median(ratios), 4),
        "overhead_of_pairs": [round(ratio, 4) for ratio in ratios],
    }


class _Service:
    """A service in processes of its own."""

    def __init__(self, url: str, pid: int, *, captures: bool) -> None:
        self.url = url
        self._pid = pid
        self._captures = captures

    def cpu_ms_per_task(self, agent: str, lines: int, tasks: int) -> float:
        """CPU time of all its processes for each of the tasks, until it is quiet again."""
        before = family_cpu_s(self._pid)
        logged = asyncio.run(_burst(self.url, agent, lines, tasks))
        assert logged == (_STEPS * lines if self._captures else 0), "capture is as the service was asked for"
        time.sleep(_SETTLE_S)
        return 1e3 * (family_cpu_s(self._pid) - before) / tasks


@contextmanager
def _service(*, capture: bool) -> Iterator[_Service]:
    with tempfile.TemporaryDirectory(prefix="forerun-bench-") as name:
        folder = Path(name)
        (folder / "catalog.yaml").write_text(_CATALOG)
        command = [sys.executable, "-m", "orchestrator.cli", "up", "--catalog", "catalog.yaml", "--port", "0", "--json"]
        environment = {**os.environ, "FORERUN_LOGS__CAPTURE": str(capture), "FORERUN_LEARNER__ENABLED": "false"}
        with subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                url = url_of(process)
                asyncio.run(_until_ready(url))
                yield _Service(url, process.pid, captures=capture)
            finally:
                process.terminate()


async def _until_ready(url: str) -> None:
    async with Client(url) as client, asyncio.timeout(_START_S):
        while not await client.ready():  # noqa: ASYNC110 - another process becomes ready
            await asyncio.sleep(0.2)


async def _burst(url: str, agent: str, lines: int, tasks: int) -> int:
    """Run the tasks; how many lines the log of one of them holds."""
    async with Client(url, timeout_s=_START_S) as client:
        ended = await asyncio.gather(*(_run_one(client, agent, lines) for _ in range(tasks)))
        assert all(view.status == "succeeded" for view in ended), "every task succeeds"
        return len((await client.log_page(ended[0].id)).lines)


async def _run_one(client: Client, agent: str, lines: int) -> TaskView:
    steps: list[dict[str, Any]] = [{"id": "s0", "capability": agent, "inputs": {"lines": lines}}]
    steps += [
        {"id": f"s{number}", "capability": agent, "inputs": {"lines": f"$steps.s{number - 1}"}}
        for number in range(1, _STEPS)
    ]
    view = await client.submit({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})
    return await client.wait(view.id)
