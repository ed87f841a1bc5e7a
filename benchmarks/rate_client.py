"""The client of rate, in a process of its own: submits chains of five steps at given moments, or as fast as it can."""

import asyncio
import json
import random
import sys
import time
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp

from benchmarks.burst_client import CONNECTIONS, expected, task

_WAIT_S = 60
# Tasks that have not ended so long after the last arrival are given up.
_PATIENCE_S = 30.0


class Arrivals(NamedTuple):
    """What is submitted: ``most`` tasks at most, for ``seconds`` at most.

    ``per_s``: the rate of a Poisson process. 0: one after another. Negative: always 50 at once.
    """

    per_s: float
    most: int
    seconds: float
    seed: int = 0

    def moments_s(self) -> list[float]:
        """When each task arrives, in seconds since the start."""
        draw, at_s = random.Random(self.seed), 0.0
        moments: list[float] = []
        while len(moments) < self.most and (at_s := at_s + draw.expovariate(self.per_s)) < self.seconds:
            moments.append(at_s)
        return moments


class Timed(NamedTuple):
    """Seconds of one task: from its arrival to its admission and to its end, and from admission to first dispatch."""

    admission_s: float
    first_dispatch_s: float
    completion_s: float


class RateClient:
    """Submits tasks over HTTP and times them."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def run(self, arrivals: Arrivals) -> dict[str, Any]:
        """Submit tasks: ``timed`` has one entry for each that ended, ``failed`` counts the others."""
        began_s = time.perf_counter()
        if arrivals.per_s > 0:
            found = await self._at(arrivals.moments_s())
        else:
            found = await self._as_fast_as_possible(arrivals, 1 if arrivals.per_s == 0 else CONNECTIONS)
        ended = [each for each in found if each is not None]
        return {"timed": ended, "failed": len(found) - len(ended), "seconds": time.perf_counter() - began_s}

    async def _at(self, moments_s: list[float]) -> list[Timed | None]:
        """Submit a task at each moment, whether or not the earlier ones have been answered."""
        began_s = time.perf_counter()
        running = []
        for number, at_s in enumerate(moments_s):
            arrival_s = began_s + at_s
            await asyncio.sleep(max(0.0, arrival_s - time.perf_counter()))
            running.append(asyncio.create_task(self._one(number, arrival_s)))
        if running:
            await asyncio.wait(running, timeout=_PATIENCE_S)
        for each in running:
            each.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
        return [each if isinstance(each, Timed) else None for each in ended]

    async def _as_fast_as_possible(self, arrivals: Arrivals, at_once: int) -> list[Timed | None]:
        until_s = time.perf_counter() + arrivals.seconds
        numbers = iter(range(arrivals.most))
        found: list[Timed | None] = []

        async def submit_one_after_another() -> None:
            for number in numbers:
                if time.perf_counter() >= until_s:
                    return
                found.append(await self._one(number, time.perf_counter()))

        await asyncio.gather(*(submit_one_after_another() for _ in range(at_once)))
        return found

    async def _one(self, number: int, arrival_s: float) -> Timed | None:
        """Submit a task and wait for its end. None if it did not end as expected."""
        async with self._http.post("/v1/tasks", json=task(number)) as admitted:
            known = await admitted.json()
        admission_s = time.perf_counter() - arrival_s
        if admitted.status != HTTPStatus.ACCEPTED:
            return None
        async with self._http.get(f"/v1/tasks/{known['id']}", params={"wait_s": _WAIT_S}) as ended:
            view = await ended.json()
        completion_s = time.perf_counter() - arrival_s
        if view.get("outputs") != expected(number):
            return None
        return Timed(admission_s, view["first_dispatch_s"], completion_s)


async def _main(url: str, levels: list[Arrivals]) -> list[dict[str, Any]]:
    timeout, no_limit = aiohttp.ClientTimeout(total=_WAIT_S + 60), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, timeout=timeout, connector=no_limit) as http:
        return [await RateClient(http).run(arrivals) for arrivals in levels]


if __name__ == "__main__":
    asked = [Arrivals(*each) for each in json.load(sys.stdin)]
    sys.stdout.write(json.dumps(asyncio.run(_main(sys.argv[1], asked))))
