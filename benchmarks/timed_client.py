"""A client in a process of its own that times tasks: `python -m benchmarks.timed_client URL < GROUPS`.

GROUPS is a JSON list of lists of tasks. The tasks of a group are submitted together, each in one request that waits for
its end; the groups follow one another.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import httpx

_WAIT_S = 600.0

Groups = Sequence[Sequence[dict[str, Any]]]


def timed(url: str, groups: Groups) -> list[float]:
    """Run groups of tasks by a client in another process: seconds of each group, as the client sees it.

    Raises:
        ValueError: a task did not succeed.
    """
    command = [sys.executable, "-m", "benchmarks.timed_client", url]
    done = subprocess.run(  # noqa: S603 - our own command
        command, check=True, input=json.dumps(groups), stdout=subprocess.PIPE, text=True
    )
    found = json.loads(done.stdout)
    if found["failed"]:
        raise ValueError(f"a task did not succeed: {found['failed'][0]}")
    return list(found["seconds"])


async def _measured(url: str, groups: Groups) -> dict[str, Any]:
    seconds, failed = [], []
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=_WAIT_S + 60, limits=limits, trust_env=False) as client:
        for group in groups:
            bodies = [json.dumps(task).encode() for task in group]
            began_s = time.perf_counter()
            replies = await asyncio.gather(*(_submitted(client, body) for body in bodies))
            seconds.append(time.perf_counter() - began_s)
            failed += [reply.text[:500] for reply in replies if reply.json().get("status") != "succeeded"]
    return {"seconds": seconds, "failed": failed}


async def _submitted(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    headers = {"content-type": "application/json"}
    return await client.post("/v1/tasks", params={"wait_s": _WAIT_S}, content=body, headers=headers)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_measured(sys.argv[1], json.load(sys.stdin)))))
