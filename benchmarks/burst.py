"""Submit a thousand tasks at once: do all end correctly, how fast, and does anything remain afterwards?"""

import gc
import json
import subprocess
import sys
import time
from typing import Any, Literal

import psutil
import ray
from pydantic import PositiveInt

from benchmarks.burst_client import STEPS
from benchmarks.cpu_by_process import cpu_ms_per_task, cpu_s
from benchmarks.serving import running
from benchmarks.simulated import simulated
from orchestrator.settings import Http, IngressMode, ReconcilerSettings
from planners.agents import Catalog

CATALOG = Catalog(agents=(simulated("trivial", "pass_on", settings={"duration_s": 0.0}, expected_s=0.001),))
# Until the learner and Ray's workers are idle.
_IDLE_S = 3.0


def run(
    tasks: PositiveInt = 1000, ingress: Literal["serve", "direct"] = "serve", shards: PositiveInt = 1
) -> dict[str, Any]:
    """Submit ``tasks`` five-step tasks at once, each in one request that waits for its end.

    The client runs in a process of its own. ``errors`` counts tasks that did not end with the expected value.
    ``cpu_ms_per_task`` is the CPU time of the service's processes by name. ``memory_growth`` is the reconciler's
    resident memory after the burst relative to before it, less 1, both after a warm-up of the same size.
    """
    http, reconciler = Http(port=0, ingress=IngressMode(ingress)), ReconcilerSettings(shards=shards)
    with running(CATALOG, http=http, reconciler=reconciler) as service:
        return {"ingress": ingress, "shards": shards, **_measure(service, tasks)}


def _measure(service: Any, tasks: int) -> dict[str, Any]:
    _burst(service.url, range(tasks))  # warms up
    before, used_before = _left(service), cpu_s()
    answered = _burst(service.url, range(tasks, 2 * tasks))
    used_after = cpu_s()
    time.sleep(_IDLE_S)
    after, seconds = _left(service), answered["seconds"]
    return {
        "tasks": tasks,
        "errors": int(answered["errors"]),
        "seconds": seconds,
        "tasks_per_s": tasks / seconds,
        "steps_per_s": tasks * STEPS / seconds,
        "cpu_ms_per_task": cpu_ms_per_task(used_before, used_after, tasks),
        "memory_growth": after["reconciler_bytes"] / before["reconciler_bytes"] - 1,
        "before": before,
        "after": after,
    }


def _burst(url: str, numbers: range) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.burst_client", url, str(numbers.start), str(numbers.stop)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own command
    answered: dict[str, float] = json.loads(done.stdout)
    return answered


def _left(service: Any) -> dict[str, int]:
    """Current processes, memory and object store use."""
    gc.collect()
    pids = ray.get([shard.pid.remote() for shard in service.shards])
    free, total = ray.available_resources(), ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray leaves them untyped
    return {
        "reconciler_bytes": sum(psutil.Process(pid).memory_info().rss for pid in pids),
        "processes": len(psutil.Process().children(recursive=True)),
        "object_store_bytes": int(total["object_store_memory"] - free.get("object_store_memory", 0)),
    }
