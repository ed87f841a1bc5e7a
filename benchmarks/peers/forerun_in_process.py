"""Forerun in this process, without Ray and without HTTP, with its journal in SQLite or PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers.forerun_tasks import ForerunPeer, catalog
from benchmarks.peers.postgres import database
from orchestrator.local.service import LocalService
from planners.tasks import Task
from reconciler.journal import Journal


class InProcessPeer(ForerunPeer):
    """Runs tasks on the event loop of this process."""

    def __init__(self, service: LocalService) -> None:
        self._service = service

    async def _outputs(self, task: dict[str, Any]) -> Any:
        view = await self._service.run(Task.model_validate(task))
        return view.outputs


@asynccontextmanager
async def opened(folder: Path, variant: str) -> AsyncIterator[ForerunPeer]:
    """A service in this process. ``variant``: the database of its journal, ``sqlite`` or ``postgres``."""
    with database(folder, variant, "postgresql+psycopg") as url:
        async with LocalService(catalog(), journal=Journal(url)) as service:
            yield InProcessPeer(service)
