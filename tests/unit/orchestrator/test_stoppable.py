"""Plans that can be stopped while they are made."""

import asyncio
from contextlib import aclosing

import pytest

from orchestrator.stoppable import PlansUnderWay
from planners.errors import Infeasible
from planners.plans import Plan, PlanKind

PLANS = [Plan(kind=PlanKind.OPTIMAL, origin=origin) for origin in ("prefix", "whole")]


async def test_plans_come_as_they_are_made_and_nothing_is_left_behind():
    under_way, told = PlansUnderWay(), []

    async def making(unwanted):
        told.append(unwanted)
        for plan in PLANS:
            yield plan

    assert [plan async for plan in under_way.follow("t", making)] == PLANS
    assert len(under_way) == 0
    assert told[0].is_set()  # threads that still compute what nobody waits for hear of it


async def test_what_the_making_raises_comes_after_what_was_made():
    under_way = PlansUnderWay()

    async def making(_):
        yield PLANS[0]
        raise Infeasible("no", "", "")

    plans = under_way.follow("t", making)
    assert await anext(plans) == PLANS[0]
    with pytest.raises(Infeasible):
        await anext(plans)
    assert len(under_way) == 0


@pytest.mark.parametrize("how", ["stop", "stop_all", "close"])
async def test_a_plan_that_is_stopped_ends_and_what_makes_it_is_told_wherever_it_waits(how):
    under_way, ended, told = PlansUnderWay(), asyncio.Event(), []

    async def making(unwanted):
        told.append(unwanted)
        try:
            yield PLANS[0]
            await asyncio.Event().wait()
        finally:
            ended.set()

    under_way.stop("t")  # before there is any: nothing
    async with aclosing(under_way.follow("t", making)) as plans:
        assert await anext(plans) == PLANS[0]
        assert len(under_way) == 1
        if how == "stop":
            under_way.stop("t")
        elif how == "stop_all":
            under_way.stop_all()
        if how != "close":
            assert [plan async for plan in plans] == []
    async with asyncio.timeout(5):
        await ended.wait()
    assert told[0].is_set()
    assert len(under_way) == 0
