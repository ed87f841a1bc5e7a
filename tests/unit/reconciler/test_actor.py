"""The actor around a shard: started once, whoever asks first and however many at once."""

import asyncio
import gc
import sys

import pytest

from planners.model import TaskId
from reconciler.errors import JournalUnavailable, StartingUp, UnknownTask
from reconciler.runtime.actor import ReconcilerActor


class _Shard:
    """Knows its runs only once it has resumed."""

    def __init__(self, *, broken: bool = False) -> None:
        self.runs: set[str] = set()
        self.closed = False
        self._broken = broken

    async def resume(self) -> int:
        if self._broken:
            self.runs.add("t1")
            raise JournalUnavailable("the database is away")
        for run in ("t1", "t2"):
            await asyncio.sleep(0)
            self.runs.add(run)
        return len(self.runs)

    async def cancel(self, task_id: TaskId, reason: str) -> str:
        if task_id not in self.runs:
            raise UnknownTask(f"there is no task '{task_id}'")
        return f"{task_id} cancelled"

    async def show(self, task_id: TaskId) -> str:
        return task_id

    async def ready(self) -> None:
        return None

    async def close(self) -> None:
        self.closed = True


class _Builds:
    """Builds that fail as often as told."""

    def __init__(self, failing: int = 0) -> None:
        self.made = 0
        self._failing = failing

    async def __call__(self, index: int) -> _Shard:
        await asyncio.sleep(0)
        self.made += 1
        if self.made <= self._failing:
            raise OSError("no disk")
        return _Shard()


@pytest.fixture(autouse=True)
def as_before():
    """An actor has its process to itself; here others come after it."""
    interval_s = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval_s)
    gc.unfreeze()


async def test_threads_get_the_interpreter_back_soon_but_do_not_change_all_the_time():
    """See `test_quick_switches.py` for the thread of the journal, which needs it sooner."""
    await ReconcilerActor(_Builds(), 0).start()

    assert sys.getswitchinterval() == pytest.approx(0.0005)


async def test_callers_that_come_at_once_after_a_crash_share_one_shard():
    builds = _Builds()
    actor = ReconcilerActor(builds, 0)

    answers = await asyncio.gather(actor.start(), *(actor.show(TaskId("t1")) for _ in range(5)), actor.start())

    assert builds.made == 1
    assert answers == [2, *["t1"] * 5, 2]


async def test_a_cancel_that_comes_first_after_a_crash_finds_its_run():
    assert await ReconcilerActor(_Builds(), 0).cancel(TaskId("t2"), "enough") == "t2 cancelled"


async def test_a_shard_that_could_not_be_built_is_built_at_the_next_call():
    actor = ReconcilerActor(_Builds(failing=1), 0)

    with pytest.raises(StartingUp, match="no disk"):
        await actor.show(TaskId("t1"))

    assert await actor.show(TaskId("t1")) == "t1"


async def test_a_caller_that_gives_up_does_not_stop_the_start():
    builds = _Builds()
    actor = ReconcilerActor(builds, 0)
    impatient = asyncio.create_task(actor.start())
    await asyncio.sleep(0)

    impatient.cancel()

    assert await actor.show(TaskId("t1")) == "t1"
    assert builds.made == 1


async def test_a_shard_that_is_starting_is_not_ready_and_says_so_soon(monkeypatch):
    monkeypatch.setattr("reconciler.runtime.actor._START_WAIT_S", 0.01)
    may_start = asyncio.Event()

    async def build(index: int) -> _Shard:
        await may_start.wait()
        return _Shard()

    actor = ReconcilerActor(build, 0)
    with pytest.raises(StartingUp, match="shard 0 of the reconciler is starting"):
        await actor.ready()

    may_start.set()
    await actor.start()
    await actor.ready()


async def test_a_start_that_fails_when_its_caller_has_left_is_no_error_of_the_event_loop(monkeypatch):
    monkeypatch.setattr("reconciler.runtime.actor._START_WAIT_S", 0.0)
    errors, may_fail = [], asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))

    async def build(index: int) -> _Shard:
        await may_fail.wait()
        raise OSError("no disk")

    actor = ReconcilerActor(build, 0)
    with pytest.raises(StartingUp):
        await actor.ready()
    may_fail.set()
    with pytest.raises(OSError, match="no disk"):
        await actor.start()
    await asyncio.sleep(0)
    gc.collect()

    assert errors == []
    await actor.close()


async def test_a_shard_that_cannot_start_says_why():
    with pytest.raises(StartingUp, match="no disk"):
        await ReconcilerActor(_Builds(failing=1), 0).ready()


async def test_a_shard_that_cannot_resume_all_runs_stops_those_it_drives():
    """The next one drives them as well."""
    made = [_Shard(broken=True), _Shard()]
    shards = iter(made)

    async def build(index: int) -> _Shard:
        return next(shards)

    actor = ReconcilerActor(build, 0)
    with pytest.raises(JournalUnavailable):
        await actor.start()

    assert await actor.show(TaskId("t1")) == "t1"
    assert [shard.closed for shard in made] == [True, False]
