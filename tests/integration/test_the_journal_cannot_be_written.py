"""While the journal cannot be written, submissions are refused soon, work goes on, and all heals by itself."""

import asyncio
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from attempts import until
from shards import Service, a_shard

from actors.catalog import catalog_of
from forerun import agent
from planners.model import TaskId
from planners.tasks import AdmittedTask, Task
from reconciler.errors import JournalUnavailable, NotAsked
from reconciler.state.commands import RunStatus
from reconciler.state.events import StepAnswered
from reconciler.state.run import RunState

GUARD_S = 60.0
STEPS = 5
YES = StepAnswered(at_s=0, attempt="", by="ada")


@agent("slow", expected_s=0.3)
async def slow(number: int) -> int:
    await asyncio.sleep(0.3)
    return number


CATALOG = catalog_of(slow)


def chain(steps: int = STEPS) -> Task:
    """Each step takes the output of the one before."""
    numbers = [{"id": "s0", "capability": "slow", "inputs": {"number": 1}}]
    numbers += [
        {"id": f"s{n}", "capability": "slow", "inputs": {"number": f"$steps.s{n - 1}"}} for n in range(1, steps)
    ]
    return Task.model_validate({"workflow": {"steps": numbers}})


@contextmanager
def locked(journal: Path) -> Iterator[None]:
    """Another process holds the database's lock: writes wait for it, as they do for a disk that is blocked."""
    with closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """No byte is left on the disk of this folder."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    yield
    filler.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(  # noqa: S603 - our own command
        ["/bin/mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a disk needs root")
    yield folder
    subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)  # noqa: S603


async def refusal(service: Service, key: str | None = None, steps: int = 1) -> str:
    """The refusal of a submission. It comes while the journal is still blocked."""
    began_s = time.monotonic()
    admitted = AdmittedTask(
        id=TaskId(f"t{began_s}"), task=chain(steps), submitted_at_s=time.time(), idempotency_key=key
    )
    async with asyncio.timeout(GUARD_S):
        with pytest.raises(JournalUnavailable) as caught:
            await service.shard.submit(admitted)
    return str(caught.value)


async def healthy(service: Service) -> None:
    """Return once the shard is ready again."""
    async with asyncio.timeout(GUARD_S):
        while True:
            try:
                return await service.shard.ready()
            except JournalUnavailable:
                await asyncio.sleep(0.05)


async def test_a_blocked_journal_refuses_submissions_soon_and_heals(tmp_path: Path):
    async with a_shard(CATALOG, tmp_path) as service:
        await service.shard.ready()
        under_way = await service.submit(chain())
        with locked(tmp_path / "journal.sqlite3"):
            assert "the journal cannot be written" in await refusal(service)
            with pytest.raises(JournalUnavailable):
                await service.shard.ready()
            await refusal(service)
            view = await service.shard.wait(under_way, 1.0)
            assert view.steps.finished > 0, "work goes on"

        await healthy(service)
        assert (await service.ended(under_way)).status is RunStatus.SUCCEEDED
        assert (await service.ended(await service.submit(chain(1)))).status is RunStatus.SUCCEEDED


async def test_what_was_refused_does_not_run_later(tmp_path: Path):
    async with a_shard(CATALOG, tmp_path) as service:
        with locked(tmp_path / "journal.sqlite3"):
            await refusal(service, steps=STEPS)
        await healthy(service)

        await until(lambda: service.shard.live == 0, within_s=GUARD_S)
        page = await service.shard.list_tasks(10)
        assert [view.status for view in page.tasks] in ([], [RunStatus.CANCELLED])


async def test_a_refused_submission_with_a_key_can_be_sent_again_and_runs_once(tmp_path: Path):
    async with a_shard(CATALOG, tmp_path) as service:
        with locked(tmp_path / "journal.sqlite3"):
            await refusal(service, key="order-7")
        await healthy(service)

        again = AdmittedTask(id=TaskId("again"), task=chain(1), submitted_at_s=time.time(), idempotency_key="order-7")
        view = await service.shard.submit(again)

        assert (await service.ended(view.id)).status is RunStatus.SUCCEEDED
        await until(lambda: service.shard.live == 0, within_s=GUARD_S)
        statuses = [view.status for view in (await service.shard.list_tasks(10)).tasks]
        assert statuses.count(RunStatus.SUCCEEDED) == 1


async def test_a_full_disk_is_named_and_heals_when_there_is_room_again(small_disk: Path):
    async with a_shard(CATALOG, small_disk) as service:
        await service.shard.ready()
        with full(small_disk):
            assert "full" in await refusal(service)
            with pytest.raises(JournalUnavailable, match="full"):
                await service.shard.ready()

        await healthy(service)
        assert (await service.ended(await service.submit(chain(1)))).status is RunStatus.SUCCEEDED


async def test_an_answer_to_a_run_that_breaks_meanwhile_is_refused_and_does_not_wait_for_ever(tmp_path, monkeypatch):
    steps = [{"id": "sign", "approval": "Go on?"}]
    task = Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "list_schedule"}})

    def stumbles(run: RunState, event: Any) -> None:
        raise KeyError("s1")

    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(task)
        await until(lambda: service.shard._live[task_id].state.asked_by("sign") is not None, within_s=GUARD_S)
        await healthy(service)
        monkeypatch.setattr(RunState, "handle", stumbles)
        with locked(tmp_path / "journal.sqlite3"):
            cancelling = asyncio.ensure_future(service.shard.cancel(task_id))
            driver = service.shard._live[task_id].driver
            await until(lambda: driver._written is None, within_s=GUARD_S)  # it reads no event any more
            answering = asyncio.ensure_future(service.shard.answer(task_id, "sign", YES))
            await asyncio.wait([answering], timeout=0.1)
        async with asyncio.timeout(GUARD_S):
            with pytest.raises(NotAsked):
                await answering
        await cancelling
        assert (await service.ended(task_id)).status is RunStatus.FAILED
