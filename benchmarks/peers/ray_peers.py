"""Raw Ray: calls of an async actor, and tasks. Nothing is durable."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ray

from benchmarks.peers.workload import STEPS, check, end_of_chain, nap, pass_on, pass_on_sync, with_open_tasks

# Ray's default of 1,000 concurrent calls would make 5,000 agents wait for each other.
_MOST_CALLS = 100_000


class Agents:
    """An async actor: its calls share one event loop."""

    async def pass_on(self, value: Any) -> Any:
        """A trivial step."""
        return await pass_on(value)

    async def nap(self, value: Any) -> Any:
        """An agent that waits for a second."""
        return await nap(value)


class RayPeer:
    """Fulfils `Peer`. ``step`` and ``nap`` are remote functions or methods."""

    def __init__(self, step: Any, nap: Any) -> None:
        self._step = step
        self._nap = nap

    async def chains(self, numbers: range) -> None:
        """See `Peer`."""
        for number, value in zip(numbers, await with_open_tasks(self._chain, numbers), strict=True):
            check(value, end_of_chain(number))

    async def _chain(self, number: int) -> Any:
        value: Any = number
        for _ in range(STEPS):  # passing references on, as Ray recommends, instead of fetching each value
            value = self._step.remote(value)
        return await value

    async def fan(self, width: int) -> None:
        """See `Peer`."""
        values = await asyncio.gather(*(self._step.remote(number) for number in range(width)))
        check(values, [{"before": number} for number in range(width)])

    async def naps(self, width: int) -> None:
        """See `Peer`."""
        check(await asyncio.gather(*(self._nap.remote(number) for number in range(width))), list(range(width)))


@asynccontextmanager
async def opened(folder: Path, variant: str) -> AsyncIterator[RayPeer]:  # noqa: ARG001 - peers are opened alike
    """Ray on this machine. ``variant``: ``actor`` or ``tasks``; agents that wait belong into an actor with both."""
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        actor: Any = ray.remote(Agents).options(num_cpus=0, max_concurrency=_MOST_CALLS).remote()
        step = actor.pass_on if variant == "actor" else ray.remote(pass_on_sync)
        yield RayPeer(step, actor.nap)
    finally:
        ray.shutdown()
