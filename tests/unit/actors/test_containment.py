"""Agents that share an event loop cannot end it, and the mark tells which of them is running."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from actors.executor.containment import RunningMark, contain_spawned_tasks, start_contained


@pytest.fixture
def mark(tmp_path: Path) -> RunningMark:
    return RunningMark(tmp_path / "mark")


async def contained(agent: Coroutine[Any, Any, Any], mark: RunningMark) -> Any:
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    contain_spawned_tasks(loop, mark)
    try:
        return await start_contained(agent, "t.1", mark)
    finally:
        loop.set_task_factory(before)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
async def test_an_exit_in_a_spawned_task_stays_in_it(mark: RunningMark, error: type[BaseException]):
    async def child() -> None:
        raise error

    async def agent() -> Any:
        return await asyncio.gather(asyncio.create_task(child()), return_exceptions=True)

    (left,) = await contained(agent(), mark)

    assert str(left) == error.__name__
    assert isinstance(left.__cause__, error)


async def test_what_a_spawned_task_spawns_is_contained_too(mark: RunningMark):
    async def grandchild() -> None:
        raise SystemExit

    async def child() -> Any:
        return await asyncio.gather(asyncio.create_task(grandchild()), return_exceptions=True)

    async def agent() -> Any:
        return await asyncio.create_task(child())

    assert [type(left).__name__ for left in await contained(agent(), mark)] == ["ExitRequested"]


async def test_cancelling_reaches_the_agent(mark: RunningMark):
    seen = []

    async def agent() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = start_contained(agent(), "t.1", mark)
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def test_the_mark_names_the_attempt_only_while_its_code_runs(mark: RunningMark, tmp_path: Path):
    seen = []

    def look() -> None:
        (tmp_path / "copy").write_bytes((tmp_path / "mark").read_bytes())
        seen.append(RunningMark.take(tmp_path / "copy"))

    async def child() -> None:
        look()

    async def agent() -> None:
        look()
        asyncio.get_running_loop().call_soon(look)
        await asyncio.sleep(0)
        await asyncio.create_task(child())

    await contained(agent(), mark)

    assert seen == ["t.1", None, "t.1"]
    assert RunningMark.take(tmp_path / "mark") is None
    assert not (tmp_path / "mark").exists()


def test_a_mark_that_is_gone_names_nobody(tmp_path: Path):
    assert RunningMark.take(tmp_path / "nothing") is None
