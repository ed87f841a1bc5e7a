"""One peer in a process of its own: `python -m benchmarks.peers.process NAME SIZES`.

Prints the cells that it has measured as JSON, one a line, each as soon as it is known.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers.peer import PEERS, Peer
from benchmarks.peers.workload import Sizes

# Runs before each cell, so that nothing that is measured is done for the first time.
_WARM_UP_SHARE, _WARM_UP_LEAST = 0.1, 20


async def cells(name: str, sizes: Sizes, folder: Path) -> AsyncIterator[dict[str, Any]]:
    """Start the peer and measure its cells one after another; ends early with a cell that failed or took too long."""
    began_s = time.perf_counter()
    async with PEERS[name].opened(folder) as peer:
        yield {"cell": "start", "seconds": time.perf_counter() - began_s}
        for cell, warm_up, measured in _cells(peer, sizes):
            found = await _measured(warm_up, measured, sizes.limit_s)
            yield {"cell": cell, **found}
            if "seconds" not in found:
                return


def _cells(peer: Peer, sizes: Sizes) -> list[tuple[str, Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]]:
    warm_tasks, warm_fan = (max(_WARM_UP_LEAST, int(_WARM_UP_SHARE * size)) for size in (sizes.tasks, sizes.fan))
    first = range(warm_tasks)
    return [
        ("chains", lambda: peer.chains(first), lambda: peer.chains(range(warm_tasks, warm_tasks + sizes.tasks))),
        ("fan", lambda: peer.fan(warm_fan), lambda: peer.fan(sizes.fan)),
        ("naps", lambda: peer.naps(_WARM_UP_LEAST), lambda: peer.naps(sizes.naps)),
    ]


async def _measured(
    warm_up: Callable[[], Awaitable[None]], measured: Callable[[], Awaitable[None]], limit_s: float
) -> dict[str, Any]:
    try:
        async with asyncio.timeout(limit_s):
            await warm_up()
            before, began_s = _cpu_s(), time.perf_counter()
            await measured()
            seconds, after = time.perf_counter() - began_s, _cpu_s()
    except TimeoutError:
        return {"over_limit_s": limit_s}
    except Exception as error:  # noqa: BLE001 -- whatever a peer raises, it is reported and the others are measured
        return {"error": f"{type(error).__name__}: {str(error)[:300]}"}
    return {"seconds": seconds, "cpu_s": sum(used - before.get(pid, 0.0) for pid, used in after.items())}


def _cpu_s() -> dict[int, float]:
    """CPU seconds by process: this one, all that it has started, and the database servers of this machine."""
    this = psutil.Process()
    found = [this, *this.children(recursive=True)]
    found += [process for process in psutil.process_iter(["name"]) if process.info["name"] == "postgres"]
    used = {}
    for process in found:
        with suppress(psutil.Error):
            times = process.cpu_times()
            used[process.pid] = times.user + times.system
    return used


async def _main(name: str, sizes: Sizes) -> None:
    with tempfile.TemporaryDirectory(prefix="forerun-peer-") as folder:
        async for cell in cells(name, sizes, Path(folder)):
            print(json.dumps(cell), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Sizes(*json.loads(sys.argv[2]))))
