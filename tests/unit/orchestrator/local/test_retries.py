"""An ended task is run again: finished work is kept where it still is the work, and acts are never repeated."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actors.agent import agent
from actors.context import Context
from orchestrator.local.run import catalog_for
from orchestrator.local.service import LocalService
from planners.model import StepId
from planners.tasks import Task
from reconciler.errors import CannotRetry, UnknownStep, UnknownTask
from reconciler.state.commands import RunStatus
from reconciler.views.models import PlansView, TaskView


class World:
    """Agents that count their calls; `broken` names those that fail."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.broken: set[str] = set()
        self.published: list[str] = []

    def called(self, name: str, output: object) -> object:
        self.calls[name] += 1
        if name in self.broken:
            raise RuntimeError(f"{name} is broken")
        return output

    def agents(self) -> list[object]:
        once = {"max_attempts": 1}

        @agent("load", retry=once)
        async def load() -> list[str]:
            return self.called("load", ["a", "b"])

        @agent("shout", retry=once)
        def shout(text: str) -> str:
            return self.called("shout", text.upper())

        @agent("pay", effect="irreversible", retry=once)
        async def pay(texts: list[str]) -> str:
            return self.called("pay", "receipt")

        def promote(_: Context, staged: dict[str, bytes]) -> None:
            self.published.append(staged["page"].decode())

        @agent("write", effect="stageable", promote=promote, retry=once)
        async def write(context: Context, text: str) -> str:
            context.stage("page", text.encode())
            return self.called("write", "written")

        @agent("finish", retry=once)
        async def finish(receipt: str, page: str) -> str:
            return self.called("finish", f"{receipt}, {page}")

        return [load, shout, pay, write, finish]


STEPS = [
    {"id": "load", "capability": "load"},
    {
        "id": "each",
        "for_each": "$steps.load",
        "steps": [{"id": "shout", "capability": "shout", "inputs": {"text": "$item"}}],
    },
    {"id": "pay", "capability": "pay", "inputs": {"texts": "$steps.each"}},
    {"id": "write", "capability": "write", "inputs": {"text": "$steps.each.shout.0"}},
    {"id": "finish", "capability": "finish", "inputs": {"receipt": "$steps.pay", "page": "$steps.write"}},
]
TASK = Task.model_validate({"workflow": {"steps": STEPS}})


@asynccontextmanager
async def service(world: World) -> AsyncIterator[LocalService]:
    async with LocalService(catalog_for(None, world.agents())) as running:
        yield running


async def retried(running: LocalService, ended: TaskView, from_step: str | None = None) -> TaskView:
    task = await running.shard.retried(ended.id, None if from_step is None else StepId(from_step))
    return await running.run(task)


async def test_only_what_had_not_finished_is_run_again():
    world = World()
    world.broken = {"finish"}
    async with service(world) as running:
        failed = await running.run(TASK)
        world.broken = set()
        view = await retried(running, failed)

    assert failed.status is RunStatus.FAILED
    assert (view.status, view.outputs) == (RunStatus.SUCCEEDED, {"finish": "receipt, written"})
    assert world.calls == {"load": 1, "shout": 2, "pay": 1, "write": 1, "finish": 2}
    assert world.published == ["A"]
    assert view.steps.finished == view.steps.total == 6
    assert view.id != failed.id


async def test_a_task_that_succeeded_is_repeated_without_any_work():
    world = World()
    async with service(world) as running:
        first = await running.run(TASK)
        before = Counter(world.calls)
        second = await retried(running, first)
        third = await retried(running, second)

    assert second.outputs == third.outputs == first.outputs
    assert world.calls == before
    assert (second.agent_s, second.usd, third.usd) == (0.0, 0.0, 0.0)


async def test_from_a_step_on_everything_is_run_again_but_acts():
    world = World()
    async with service(world) as running:
        first = await running.run(TASK)
        view = await retried(running, first, "each")

    assert view.status is RunStatus.SUCCEEDED
    assert world.calls == {"load": 1, "shout": 4, "pay": 1, "write": 1, "finish": 2}
    assert world.published == ["A"]


async def test_a_single_copy_may_be_the_first_to_run_again():
    world = World()
    async with service(world) as running:
        first = await running.run(TASK)
        await retried(running, first, "shout[1]")

    assert world.calls["shout"] == 3


async def test_an_act_is_no_step_to_start_from():
    async with service(World()) as running:
        first = await running.run(TASK)

        with pytest.raises(CannotRetry, match="step 'pay' has acted"):
            await running.shard.retried(first.id, StepId("pay"))
        with pytest.raises(UnknownStep):
            await running.shard.retried(first.id, StepId("none"))
        with pytest.raises(UnknownTask):
            await running.shard.retried("t-none")


async def test_a_task_that_runs_cannot_be_retried():
    @agent("wait")
    async def wait() -> str:
        await asyncio.sleep(600)
        return ""

    task = Task.model_validate({"workflow": {"steps": [{"id": "s", "capability": "wait"}]}})
    async with LocalService(catalog_for(None, [wait])) as running:
        view = await running.submit(task)

        with pytest.raises(CannotRetry, match="has not ended"):
            await running.shard.retried(view.id)


async def test_a_changed_input_is_other_work():
    world = World()
    async with service(world) as running:
        steps = [{"id": "s", "capability": "shout", "inputs": {"text": "$inputs.text"}}]
        first = await running.run(Task.model_validate({"workflow": {"steps": steps}, "inputs": {"text": "a"}}))
        task = await running.shard.retried(first.id)
        changed = await running.run(task.model_copy(update={"inputs": {"text": "b"}}))

    assert changed.outputs == {"s": "B"}
    assert world.calls["shout"] == 2


async def test_kept_work_is_shown_with_its_task():
    async with service(World()) as running:
        first = await running.run(TASK)
        second = await retried(running, first)
        bars = (await running.shard.timeline(second.id)).bars
        plans = await running.shard.plans(second.id)

    assert {bar.reason for bar in bars} == {f"kept from task {first.id}"}
    assert isinstance(plans, PlansView)
    assert all(bar.attempt.startswith(first.id) for bar in bars)


async def test_an_act_in_doubt_stays_in_doubt_until_somebody_knows():
    calls: list[str] = []
    release = threading.Event()

    @agent("pay", effect="irreversible", timeout_s=0.2)
    def pay() -> str:
        calls.append("pay")
        release.wait(30.0)
        return "receipt"

    @agent("finish")
    async def finish(receipt: str) -> str:
        return f"finished with {receipt}"

    steps = [
        {"id": "pay", "capability": "pay"},
        {"id": "finish", "capability": "finish", "inputs": {"receipt": "$steps.pay"}},
    ]
    async with LocalService(catalog_for(None, [pay, finish])) as running:
        first = await running.run(Task.model_validate({"workflow": {"steps": steps}}))
        await running.shard.cancel(first.id)
        second = await retried(running, first)
        await running.shard.resolve(second.id, StepId("pay"), "by hand", happened=True)
        ended = await running.ended(second.id)
    release.set()

    assert first.status is second.status is RunStatus.IN_DOUBT
    assert [doubt.step for doubt in second.in_doubt] == ["pay"]
    assert (ended.status, ended.outputs) == (RunStatus.SUCCEEDED, {"finish": "finished with by hand"})
    assert calls == ["pay"]
