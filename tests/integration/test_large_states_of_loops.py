"""A loop whose state is too large for the journal: after a restart it goes on where it was, if outputs are stored."""

import asyncio

import pytest
from ray_shards import ended
from shards import a_shard

from actors.agent import agent
from actors.executor.stub import StubExecutor
from actors.payloads.folder import PayloadFolder
from actors.payloads.store import ReturnedPayloads
from orchestrator.local.run import catalog_for
from planners.tasks import Task
from reconciler.state.commands import RunStatus

GUARD_S = 120.0
TURNS, STOPPED_IN = 4, 3
LOOP = {
    "id": "grow",
    "loop": [{"id": "turn", "capability": "turn", "inputs": {"state": "$state.all", "number": "$state.turn"}}],
    "state": {"all": ""},
    "next": {"all": "$steps.turn.all"},
    "until": "$steps.turn.number >= 4",
    "output": "turn",
    "max": 9,
}


@pytest.mark.parametrize("stored", [True, False])
async def test_turns_run_again_only_where_their_outputs_are_lost(tmp_path, stored):
    begun, reached, go_on = [], asyncio.Event(), asyncio.Event()

    @agent("turn")
    async def turn(state: str, number: int) -> dict[str, str | int]:
        begun.append(number)
        if len(begun) == STOPPED_IN:
            reached.set()
            await go_on.wait()
        return {"all": state + 20_000 * "x", "number": number + 1}

    catalog = catalog_for(None, [turn])
    payloads = PayloadFolder(f"file://{tmp_path}/outputs") if stored else ReturnedPayloads()
    task = Task.model_validate({"workflow": {"steps": [LOOP], "outputs": {"size": "$steps.grow.number"}}})
    async with a_shard(catalog, tmp_path, executor=StubExecutor(catalog, payloads=payloads)) as service:
        task_id = await service.submit(task)
        await asyncio.wait_for(reached.wait(), GUARD_S)

    go_on.set()
    async with a_shard(catalog, tmp_path, executor=StubExecutor(catalog, payloads=payloads)) as service:
        view = await ended(service, task_id, GUARD_S)

    assert (view.status, view.outputs) == (RunStatus.SUCCEEDED, {"size": TURNS})
    after = begun[STOPPED_IN:]
    assert after == [2, 3] if stored else set(after) == {0, 1, 2, 3}


async def test_a_list_that_is_lost_is_made_again_when_a_later_plan_reads_it(tmp_path):
    """The elements have finished, so nobody needs the list until an agent fails for good and all is planned again."""
    made, reached, go_on = [], asyncio.Event(), asyncio.Event()

    @agent("list")
    async def listed() -> list[str]:
        made.append("list")
        return [10_000 * letter for letter in "ab"]

    @agent("measure")
    async def measure(text: str) -> int:
        made.append(text[0])
        return len(text)

    @agent("end", retry={"max_attempts": 1}, expected_s=0.1)
    async def fails(sizes: list[int]) -> int:
        reached.set()
        await go_on.wait()
        raise ValueError("for good")

    @agent("end", expected_s=60)
    async def ends(sizes: list[int]) -> int:
        return sum(sizes)

    measured = {"id": "size", "capability": "measure", "inputs": {"text": "$item"}}
    steps = [
        {"id": "list", "capability": "list"},
        {"id": "sizes", "for_each": "$steps.list", "steps": [measured]},
        {"id": "end", "capability": "end", "inputs": {"sizes": "$steps.sizes"}},
    ]
    task = Task.model_validate({"workflow": {"steps": steps, "outputs": {"total": "$steps.end"}}})
    catalog = catalog_for(None, [listed, measure, fails, ends])
    async with a_shard(catalog, tmp_path, executor=StubExecutor(catalog)) as service:
        task_id = await service.submit(task)
        await asyncio.wait_for(reached.wait(), GUARD_S)

    go_on.set()
    async with a_shard(catalog, tmp_path, executor=StubExecutor(catalog)) as service:
        view = await ended(service, task_id, GUARD_S)

    assert (view.status, view.outputs) == (RunStatus.SUCCEEDED, {"total": 20_000})
    assert made.count("list") > 1
