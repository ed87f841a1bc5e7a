"""The client of the burst, in a process of its own, so that its work is not taken for the service's.

It is aiohttp, which takes 0.2 ms of CPU a request. On two cores, the 2.5 ms of httpx would be measured as well.
"""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp

STEPS = 5
# Concurrent connections; more would only wait in the kernel.
CONNECTIONS = 50
_WAIT_S = 60


def task(number: int) -> dict[str, Any]:
    """A chain of trivial steps that passes a number on."""
    steps: list[dict[str, Any]] = [{"id": "s0", "capability": "pass_on", "inputs": {"number": number}}]
    steps += [
        {"id": f"s{index}", "capability": "pass_on", "inputs": {"before": f"$steps.s{index - 1}"}}
        for index in range(1, STEPS)
    ]
    return {"kind": "burst", "workflow": {"steps": steps}}


def expected(number: int) -> dict[str, Any]:
    """The outputs of that task."""
    value: Any = {"number": number}
    for _ in range(1, STEPS):
        value = {"before": value}
    return {f"s{STEPS - 1}": value}


async def burst(url: str, numbers: range) -> dict[str, float]:
    """Submit all tasks at once, each in one request that waits for its end.

    Returns:
        ``errors``: tasks without the expected outputs. ``seconds``: from the first request to the last answer.
    """
    timeout, room = aiohttp.ClientTimeout(total=_WAIT_S + 60), aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(url, timeout=timeout, connector=room) as client:

        async def one(number: int) -> bool:
            async with client.post("/v1/tasks", params={"wait_s": _WAIT_S}, json=task(number)) as reply:
                view = await reply.json()
            return bool(view.get("status") == "succeeded" and view["outputs"] == expected(number))

        began_s = time.perf_counter()
        right = await asyncio.gather(*(one(number) for number in numbers))
        return {"errors": right.count(False), "seconds": time.perf_counter() - began_s}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(burst(sys.argv[1], range(int(sys.argv[2]), int(sys.argv[3]))))))
