"""Latency under load: tasks arrive at random at a share of what the service can do."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import PositiveFloat, PositiveInt

from benchmarks.burst import CATALOG
from benchmarks.rate_client import Arrivals
from benchmarks.serving import quantile, running
from orchestrator.settings import Http, IngressMode, ReconcilerSettings

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_LATENCIES = ("admission_ms", "first_dispatch_ms", "completion_ms")


def run(  # noqa: PLR0913 - the options of the command
    loads: Sequence[PositiveFloat] = (0.2, 0.5, 0.8),
    seconds: PositiveFloat = 20.0,
    tasks: PositiveInt = 2_000,
    seed: int = 0,
    *,
    ingress: Literal["serve", "direct"] = "direct",
    shards: PositiveInt = 1,
) -> dict[str, Any]:
    """Offer chains of five trivial steps as a Poisson process, at shares of the capacity.

    The capacity is measured first: tasks a second while always 50 are open. ``idle`` is one task at a time. Each level
    ends after ``seconds`` or ``tasks``. Latencies are in milliseconds: ``admission`` and ``completion`` from the moment
    at which a task arrives to the answer, ``first_dispatch`` from admission. A task is one request that submits it and
    one that waits for it. The client runs in a process of its own and waits for no answer before it submits the next.
    """
    http, reconciler = Http(port=0, ingress=IngressMode(ingress)), ReconcilerSettings(shards=shards)
    with running(CATALOG, http=http, reconciler=reconciler) as service:
        warm, full, idle = _measured(
            service.url, [Arrivals(-1, tasks, seconds / 2), Arrivals(-1, tasks, seconds), Arrivals(0, 200, seconds)]
        )
        capacity = len(full["timed"]) / full["seconds"]
        offered = [Arrivals(load * capacity, tasks, seconds, seed) for load in loads]
        levels = [_measured(service.url, [arrivals])[0] for arrivals in offered]
    return {
        "ingress": ingress,
        "shards": shards,
        "capacity_tasks_per_s": capacity,
        "failed": sum(level["failed"] for level in (warm, full, idle, *levels)),
        "idle": latencies(idle["timed"]),
        "levels": [
            {"load": load, "offered_per_s": arrivals.per_s, **latencies(level["timed"])}
            for load, arrivals, level in zip(loads, offered, levels, strict=True)
        ],
    }


def _measured(url: str, levels: Sequence[Arrivals]) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.rate_client", url]
    done = subprocess.run(  # noqa: S603 - our own command
        command, check=True, input=json.dumps(levels), stdout=subprocess.PIPE, text=True
    )
    return list(json.loads(done.stdout))


def latencies(timed: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Quantiles in milliseconds. ``timed``: seconds of each task, as `Timed` has them."""
    of_kind = dict(zip(_LATENCIES, zip(*timed, strict=True), strict=True)) if timed else dict.fromkeys(_LATENCIES, ())
    return {
        "tasks": len(timed),
        **{
            kind: {name: round(1e3 * quantile(list(values), share), 2) for name, share in _QUANTILES.items()}
            for kind, values in of_kind.items()
            if values
        },
    }


def plot(results: dict[str, Any], path: Path) -> None:
    """Plot quantiles of each latency by offered rate."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=(12, 4), layout="constrained")
    offered = [level["offered_per_s"] for level in results["levels"]]
    for axes, kind in zip(figure.subplots(1, 3), _LATENCIES, strict=True):
        for name in _QUANTILES:
            axes.plot(offered, [level[kind][name] for level in results["levels"]], marker="o", label=name)
        axes.axhline(results["idle"][kind]["p50"], color="black", linewidth=0.8, label="one at a time, p50")
        axes.axvline(results["capacity_tasks_per_s"], color="grey", linestyle=":", linewidth=0.8)
        axes.set_title(kind.removesuffix("_ms").replace("_", " "))
        axes.set_xlabel("tasks/s offered (dotted: capacity)")
        axes.set_ylabel("ms")
        axes.set_yscale("log")
        axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
