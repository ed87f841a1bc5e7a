"""Dask distributed: futures on a local cluster. Nothing is durable."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster

from benchmarks.peers.workload import STEPS, check, end_of_chain, nap, pass_on_sync


class DaskPeer:
    """Fulfils `Peer`. Chains are submitted as one graph, which is how Dask is used."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def chains(self, numbers: range) -> None:
        """See `Peer`."""
        ends = []
        for number in numbers:
            value: Any = number
            for _ in range(STEPS):
                value = self._client.submit(pass_on_sync, value, pure=False)
            ends.append(value)
        check(await self._client.gather(ends), [end_of_chain(number) for number in numbers])

    async def fan(self, width: int) -> None:
        """See `Peer`."""
        values = await self._client.gather(self._client.map(pass_on_sync, range(width), pure=False))
        check(values, [{"before": number} for number in range(width)])

    async def naps(self, width: int) -> None:
        """See `Peer`. A worker runs as many coroutines at once as it has threads, so it gets a thread for each."""
        options = {"n_workers": 1, "threads_per_worker": width, "dashboard_address": ":0", "asynchronous": True}
        async with LocalCluster(**options) as cluster, Client(cluster, asynchronous=True) as client:
            check(await client.gather(client.map(nap, range(width), pure=False)), list(range(width)))


@asynccontextmanager
async def opened(folder: Path, variant: str) -> AsyncIterator[DaskPeer]:  # noqa: ARG001 - peers are opened alike
    """A local cluster with Dask's defaults for this machine, with its dashboard on a free port."""
    options = {"dashboard_address": ":0", "asynchronous": True, "local_directory": str(folder)}
    async with LocalCluster(**options) as cluster, Client(cluster, asynchronous=True) as client:
        yield DaskPeer(client)
