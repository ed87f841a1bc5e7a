"""The textbook fan-out: eight agents of 0.3 s, then a join of 0.3 s; 2.70 s in sequence, 0.60 s at best."""

import asyncio
import time
from typing import Any

from pydantic import PositiveInt
from rich.progress import track

from benchmarks.serving import client_of, quantile, running
from benchmarks.simulated import simulated
from planners.agents import Catalog
from planners.tasks import Task

WIDTH, AGENT_S = 8, 0.3
CATALOG = Catalog(
    agents=(
        simulated("worker", "work", settings={"duration_s": AGENT_S}, expected_s=AGENT_S),
        simulated("joiner", "join", settings={"duration_s": AGENT_S}, expected_s=AGENT_S),
    )
)


def _task(number: int) -> Task:
    items = [100 * number + item for item in range(WIDTH)]
    return Task.model_validate(
        {
            "kind": "fanout",
            "inputs": {"items": items},
            "workflow": {
                "steps": [
                    {
                        "id": "each",
                        "for_each": "$inputs.items",
                        "steps": [{"id": "work", "capability": "work", "inputs": {"item": "$item"}}],
                    },
                    {"id": "join", "capability": "join", "inputs": {"parts": "$steps.each"}},
                ]
            },
        }
    )


def run(runs: PositiveInt = 20) -> dict[str, Any]:
    """Medians over ``runs`` warm runs, in seconds.

    ``run_s`` is from the first dispatch to the end, ``http_s`` from sending the task to receiving the result.
    """
    with running(CATALOG) as service:
        measured = asyncio.run(_measure(service, runs))
    critical_path_s = 2 * AGENT_S
    run_s, http_s = quantile(measured["run_s"], 0.5), quantile(measured["http_s"], 0.5)
    return {
        "critical_path_s": critical_path_s,
        "run_s": run_s,
        "http_s": http_s,
        "serial_s": (WIDTH + 1) * AGENT_S,
        "run_over_critical_path": run_s / critical_path_s - 1,
        "http_over_critical_path": http_s / critical_path_s - 1,
        "speedup": (WIDTH + 1) * AGENT_S / http_s,
        "runs": runs,
    }


async def _measure(service: Any, runs: int) -> dict[str, list[float]]:
    measured: dict[str, list[float]] = {"run_s": [], "http_s": []}
    async with client_of(service) as client:
        for number in track(range(runs + 3), "fanning out"):
            sent_s = time.perf_counter()
            view = await client.wait((await client.submit(_task(number))).id, 60)
            http_s = time.perf_counter() - sent_s
            assert view.status == "succeeded", view.failure
            assert view.ended_s is not None
            assert view.first_dispatch_s is not None
            if number >= 3:
                measured["run_s"].append(view.ended_s - view.first_dispatch_s)
                measured["http_s"].append(http_s)
    return measured
