"""Submit a thousand tasks at once: do all end correctly, how fast, and does anything remain afterwards?"""

import asyncio
import gc
import time
from typing import Any

import psutil
import ray
from pydantic import PositiveInt
from rich.progress import Progress

from benchmarks.serving import client_of, running
from benchmarks.simulated import simulated
from orchestrator.client.client import Client
from planners.agents import Catalog
from planners.tasks import Task

STEPS = 5
CATALOG = Catalog(agents=(simulated("trivial", "pass_on", settings={"duration_s": 0.0}, expected_s=0.001),))
# The client's concurrent connections; more would only wait in the kernel.
CONNECTIONS = 50


def _task(number: int) -> Task:
    steps: list[dict[str, Any]] = [{"id": "s0", "capability": "pass_on", "inputs": {"number": number}}]
    steps += [
        {"id": f"s{index}", "capability": "pass_on", "inputs": {"before": f"$steps.s{index - 1}"}}
        for index in range(1, STEPS)
    ]
    return Task.model_validate({"kind": "burst", "workflow": {"steps": steps}})


def _expected(number: int) -> Any:
    value: Any = {"number": number}
    for _ in range(1, STEPS):
        value = {"before": value}
    return value


def run(tasks: PositiveInt = 1000) -> dict[str, Any]:
    """Submit ``tasks`` five-step tasks at once and wait for all results.

    ``errors`` counts tasks that did not end with the expected value. ``memory_growth`` is the reconciler's resident
    memory after the burst relative to before it, less 1, both after a warm-up of the same size.
    """
    with running(CATALOG) as service:
        return asyncio.run(_measure(service, tasks))


async def _measure(service: Any, tasks: int) -> dict[str, Any]:
    async with client_of(service) as client:
        with Progress() as progress:
            await _burst(client, range(tasks), progress, "warming up")
            before = _left(service)
            began_s = time.perf_counter()
            errors = await _burst(client, range(tasks, 2 * tasks), progress, "bursting")
            seconds = time.perf_counter() - began_s
        await asyncio.sleep(3)  # let the learner and Ray's workers become idle
        after = _left(service)
    return {
        "tasks": tasks,
        "errors": errors,
        "seconds": seconds,
        "tasks_per_s": tasks / seconds,
        "steps_per_s": tasks * STEPS / seconds,
        "memory_growth": after["reconciler_bytes"] / before["reconciler_bytes"] - 1,
        "before": before,
        "after": after,
    }


async def _burst(client: Client, numbers: range, progress: Progress, what: str) -> int:
    bar, room = progress.add_task(what, total=len(numbers)), asyncio.Semaphore(CONNECTIONS)

    async def one(number: int) -> bool:
        async with room:
            task_id = (await client.submit(_task(number))).id
        async with room:
            view = await client.wait(task_id, 300)
        progress.advance(bar)
        return view.status == "succeeded" and view.outputs == {f"s{STEPS - 1}": _expected(number)}

    return (await asyncio.gather(*(one(number) for number in numbers))).count(False)


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
