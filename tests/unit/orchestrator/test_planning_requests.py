"""Plans that can be stopped while they are made."""

import asyncio
import threading
from contextlib import aclosing

import pytest
from goals import request, steps

from orchestrator.service.planning_requests import PlanningRequests
from planners.costs import PriorCosts
from planners.errors import Infeasible
from planners.optimal.planner import OptimalPlannerPipeline, OptimalSettings
from planners.plans import Plan, PlanKind
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.tasks import Task
from planners.workflow import Workflow

PLANS = [Plan(kind=PlanKind.OPTIMAL, origin=origin) for origin in ("prefix", "whole")]


async def test_plans_come_as_they_are_made_and_nothing_is_left_behind():
    under_way = PlanningRequests()

    async def making():
        for plan in PLANS:
            yield plan

    assert [plan async for plan in under_way.follow("t", making())] == PLANS
    assert len(under_way) == 0


async def test_what_the_making_raises_comes_after_what_was_made():
    under_way = PlanningRequests()

    async def making():
        yield PLANS[0]
        raise Infeasible("no", "", "")

    plans = under_way.follow("t", making())
    assert await anext(plans) == PLANS[0]
    with pytest.raises(Infeasible):
        await anext(plans)
    assert len(under_way) == 0


async def test_a_request_that_its_cancel_has_overtaken_is_not_planned():
    """Of a large one: it is unpacked in a thread, and meanwhile the run has ended."""
    under_way, began = PlanningRequests(), []

    async def making():
        began.append(True)
        yield PLANS[0]

    under_way.stop("t")

    assert [plan async for plan in under_way.follow("t", making())] == []
    assert not began
    assert len(under_way) == 0


@pytest.mark.parametrize("how", ["stop", "stop_all", "close"])
async def test_a_cancelled_request_ends_and_its_planning_is_cancelled_wherever_it_waits(how):
    under_way, ended = PlanningRequests(), asyncio.Event()

    async def making():
        try:
            yield PLANS[0]
            await asyncio.Event().wait()
        finally:
            ended.set()

    under_way.stop("another")  # nothing to this one
    async with aclosing(under_way.follow("t", making())) as plans:
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
    assert len(under_way) == 0


async def test_the_solver_of_a_cancelled_request_stops_and_frees_its_thread():
    begun, told = threading.Event(), threading.Event()

    def solver(flat, asked, costs, *, cancellation, **more):
        if not begun.is_set():
            with cancellation.on_cancel(told.set):
                begun.set()
                assert told.wait(30)
        return list_schedule(flat, asked, costs)

    asked = request(Task(workflow=Workflow(steps=tuple(steps()))))
    under_way, pipeline = (
        PlanningRequests(),
        OptimalPlannerPipeline(PriorCosts, settings=OptimalSettings(solves_at_once=1), solver=solver),
    )
    first = asyncio.create_task(_all(under_way.follow("first", pipeline.plan(asked))))
    assert await asyncio.to_thread(begun.wait, 30)

    under_way.stop("first")

    assert await first == []
    assert told.is_set()
    assert [plan.complete for plan in await _all(under_way.follow("next", pipeline.plan(asked)))] == [True]
    pipeline.close()


async def _all(plans):
    return [plan async for plan in plans]
