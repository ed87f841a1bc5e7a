"""A task that reaches a limit waits durably for a person, through parking and restarts of the service."""

import asyncio

import pytest
from shards import a_shard

from actors.agent import agent
from actors.catalog import catalog_of
from planners.agents import Price
from planners.tasks import Task
from reconciler.errors import InvalidLimits, NotAsked
from reconciler.state.commands import RunStatus
from reconciler.state.events import LimitsAnswered
from reconciler.state.waiting import WaitKind

GUARD_S = 60.0


@agent(capability="work", price=Price(usd_per_call=1.0), expected_s=5.0)
async def work(n: int) -> int:
    return n + 1


@agent(capability="work", price=Price(usd_per_call=3.0), expected_s=0.1)
async def hurry(n: int) -> int:
    return n + 1


CATALOG = catalog_of(work)


def a_task(**limits):
    steps = [
        {"id": "first", "capability": "work", "inputs": {"n": 1}},
        {"id": "last", "capability": "work", "inputs": {"n": "$steps.first"}},
    ]
    return Task.model_validate({"workflow": {"steps": steps}, "limits": limits, "planning": {"mode": "wait"}})


async def asking(service, task_id):
    """The task once it asks about a limit."""
    async with asyncio.timeout(GUARD_S):
        while True:
            view = await service.shard.show(task_id)
            if view.limits is not None and view.limits.asked and view.steps.total:
                return view
            await asyncio.sleep(0.01)


async def parked(service):
    async with asyncio.timeout(GUARD_S):
        while not len(service.shard.parking):
            service.shard.parking.sweep(service.shard._live, idle_s=-1)
            await asyncio.sleep(0.01)


async def test_a_budget_that_no_plan_keeps_is_asked_about_and_raised(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_task(budget_usd=1.0, on_budget="ask"))
        view = await asking(service, task_id)
        assert view.steps.finished == 1
        assert [reason.kind for reason in view.waiting] == [WaitKind.TASK_LIMIT]
        await parked(service)

    async with a_shard(CATALOG, tmp_path) as service:
        assert (await service.shard.show(task_id)).limits == view.limits
        with pytest.raises(InvalidLimits, match="can only be raised"):
            await service.shard.answer_limits(task_id, LimitsAnswered(at_s=0, budget_usd=0.5))

        await service.shard.answer_limits(task_id, LimitsAnswered(at_s=0, budget_usd=2.0, by="ada"))
        ended = await service.shard.wait(task_id, GUARD_S)

        assert ended.status is RunStatus.SUCCEEDED
        assert ended.outputs == {"last": 3}
        assert [answer.by for answer in ended.limits.answers] == ["ada"]
        assert (await service.shard.timeline(task_id)).limits == ended.limits
        with pytest.raises(NotAsked):
            await service.shard.answer_limits(task_id, LimitsAnswered(at_s=0, budget_usd=9.0))


async def test_a_deadline_that_no_plan_keeps_is_asked_about_and_the_task_finishes_with_what_is_there(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        task_id = await service.submit(a_task(deadline_s=0.001, on_deadline="ask"))
        await asking(service, task_id)

        await service.shard.answer_limits(task_id, LimitsAnswered(at_s=0, action="finish"))
        ended = await service.shard.wait(task_id, GUARD_S)

        assert ended.status is RunStatus.SUCCEEDED
        assert ended.given_up == {"first": "the deadline of 0.001 s had passed before step 'first' had finished"}


async def test_raised_limits_are_planned_for(tmp_path):
    """No agent fits at first, so the fastest one was planned; the raised budget suffices for the other one."""
    async with a_shard(catalog_of(work, hurry), tmp_path) as service:
        task_id = await service.submit(a_task(budget_usd=1.0, on_budget="ask"))
        view = await asking(service, task_id)
        assert (view.steps.finished, view.limits.asked[0].steps) == (0, ("first",))

        await service.shard.answer_limits(task_id, LimitsAnswered(at_s=0, budget_usd=2.0))
        ended = await service.shard.wait(task_id, GUARD_S)

        assert ended.outputs == {"last": 3}
        assert ended.usd == 2.0
