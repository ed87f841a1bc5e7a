"""Thousands of agents in one task: seconds by their number, milliseconds a step, and memory of those that wait."""

import statistics
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import PositiveInt

from benchmarks.cpu_by_process import named_processes
from benchmarks.peers.forerun_tasks import WAIT_S, catalog, chain, fan
from benchmarks.peers.workload import NAP_S
from benchmarks.serving import running
from benchmarks.timed_client import timed
from orchestrator.settings import Http, IngressMode

_LONG_CHAIN, _WIDE, _SHORT_CHAINS = 100, 1_000, 50
_SAMPLE_S = 0.05
# The processes in which an attempt that waits is kept.
_KEEPERS = ("shard", "host")


def run(
    agents: Sequence[PositiveInt] = (100, 1_000, 5_000, 20_000),
    repeats: PositiveInt = 3,
    ingress: Literal["serve", "direct"] = "direct",
) -> dict[str, Any]:
    """Time tasks as a client in another process sees them, on a service that runs nothing else.

    ``naps``: so many agents that wait for a second, in one task. ``ten_tasks``: the largest number of them in ten tasks
    that are submitted together. ``fan``: 1,000 trivial steps side by side, ``chain``: 100 one after another,
    ``short_chain``: five. All are medians of ``repeats``, and of 50 for the short chain. ``bytes_per_attempt``: by how
    much the memory of shard and host has grown at most for each of the agents that wait, the largest number of them.
    """
    http = Http(port=0, ingress=IngressMode(ingress), max_wait_s=WAIT_S)
    with running(catalog(), http=http) as service:
        url = service.url
        timed(url, [[chain(0)], [fan(100, "nap")], [chain(0)]])  # warms up
        short = timed(url, [[chain(index)] for index in range(_SHORT_CHAINS)])
        chain_s = _median(url, repeats, [chain(0, _LONG_CHAIN)])
        fan_s = _median(url, repeats, [fan(_WIDE, "pass_on")])
        most = max(agents)
        naps = {width: _median(url, repeats, [fan(width, "nap")]) for width in sorted(agents)}
        with _growth() as grown:
            timed(url, [[fan(most, "nap")]])
        ten_s = _median(url, repeats, [fan(most // 10, "nap")] * 10)
    return {
        "ingress": ingress,
        "short_chain_ms": 1e3 * statistics.median(short),
        "chain_ms_per_step": 1e3 * chain_s / _LONG_CHAIN,
        "fan_ms_per_step": 1e3 * fan_s / _WIDE,
        "naps": [{"agents": width, "seconds": nap_s} for width, nap_s in naps.items()],
        "ten_tasks": {"agents": most // 10 * 10, "seconds": ten_s},
        "bytes_per_attempt": {name: grown.get(name, 0.0) / most for name in _KEEPERS},
    }


def _median(url: str, repeats: int, group: list[dict[str, Any]]) -> float:
    return statistics.median(timed(url, [group] * repeats))


@contextmanager
def _growth() -> Iterator[dict[str, float]]:
    """By how many bytes the resident memory of the keepers grows at most meanwhile, by name of process."""
    keepers = [(name, process) for process, name in named_processes() if name in _KEEPERS]
    before = {process.pid: process.memory_info().rss for _, process in keepers}
    grown: dict[str, float] = {}
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(_SAMPLE_S):
            for name, process in keepers:
                try:
                    more = process.memory_info().rss - before[process.pid]
                except psutil.Error:
                    continue
                grown[name] = max(grown.get(name, 0.0), more)

    sampling = threading.Thread(target=sample, daemon=True)
    sampling.start()
    try:
        yield grown
    finally:
        ended.set()
        sampling.join()


def plot(results: dict[str, Any], path: Path) -> None:
    """Plot seconds by number of agents that wait for a second."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    agents = [each["agents"] for each in results["naps"]]
    axes.plot(agents, [each["seconds"] for each in results["naps"]], marker="o", label="in one task")
    ten = results["ten_tasks"]
    axes.plot([ten["agents"]], [ten["seconds"]], marker="x", linestyle="", label="in ten tasks")
    axes.axhline(NAP_S, color="black", linewidth=0.8, label="one agent")
    axes.set_xlabel("agents that wait for 1 s")
    axes.set_ylabel("seconds, as the client sees it")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
