"""Prefixes of a plan that streams: what they fix for the whole plan and what is taken back."""

import asyncio
from contextlib import aclosing
from itertools import pairwise

import pytest
from goals import ANSWER, CATALOG, GOAL, Clock, agent, goal_task, request, schema, steps
from planner_pipelines import all_plans, pipeline, stub

from planners.agents import AgentSpec, Catalog, Price
from planners.optimal.decompose import StubDecomposer
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.tasks import Limits, Objective
from planners.workflow import Step


async def test_prefixes_come_while_the_goal_streams_and_the_whole_plan_at_its_end():
    gate = asyncio.Semaphore(0)
    async with aclosing(pipeline(stub(gate=gate)).plan(request())) as plans:
        gate.release()
        first = await anext(plans)
        gate.release()
        second = await anext(plans)
        gate.release()
        last = await anext(plans)

    assert [[step.id for step in plan.steps] for plan in (first, second, last)] == [
        ["fetch"],
        ["fetch", "caption"],
        ["fetch", "caption", "translate"],
    ]
    assert [plan.complete for plan in (first, second, last)] == [False, False, True]
    assert [node.id for node in first.pending] == ["goal"]
    assert last.pending == ()
    assert [list(plan.outputs) for plan in (first, second, last)] == [["fetch"], ["caption"], ["translate"]]


async def test_a_step_keeps_its_work_key_and_agent_from_prefix_to_whole_plan():
    answer = [*ANSWER, {"id": "s4", "capability": "merge", "inputs": {"texts": ["$steps.s3.text"]}}]
    gate = asyncio.Semaphore(0)
    planner = pipeline(StubDecomposer({GOAL: steps(answer)}, gate=gate))
    plans = []
    async with aclosing(planner.plan(request())) as stream:
        gate.release()
        async for plan in stream:
            plans.append(plan)
            gate.release()

    for earlier, later in pairwise(plans):
        for planned in earlier.steps:
            assert later.by_id[planned.id].work_key == planned.work_key
            assert later.by_id[planned.id].step.agent is None
    assert len(plans) == 4


async def test_a_step_that_a_prefix_has_started_stays_on_its_node():
    gate, clock, asked = asyncio.Semaphore(1), Clock(), []

    def list_scheduler(flat, wanted, costs):
        asked.append(wanted.in_flight)
        return list_schedule(flat, wanted, costs)

    async with aclosing(pipeline(stub(gate=gate), clock=clock, list_scheduler=list_scheduler).plan(request())) as plans:
        first = await anext(plans)
        clock.now_s += 0.4
        gate.release()
        await anext(plans)

    assert asked[0] == ()
    assert [(flight.work_key, flight.elapsed_s) for flight in asked[1]] == [
        (first.steps[0].work_key, pytest.approx(0.4))
    ]


async def test_agents_named_by_a_prefix_are_chosen_anew_where_the_whole_plan_would_be_infeasible():
    """The prefix takes the slow translator for later; with the printer behind it the deadline could not be met."""
    made = schema(["text"], text="string")
    printer = agent("printer", "print", made, made, price=Price(usd_per_call=0.1))
    catalog = CATALOG.model_copy(update={"agents": (*CATALOG.agents, printer)})
    answer = [
        {"id": "c", "capability": "caption", "inputs": {"image": "x"}},
        {"id": "a", "capability": "translate", "inputs": {"text": "$steps.c.caption", "to": "French"}},
        {"id": "b", "capability": "print", "inputs": {"text": "$steps.a.text"}},
    ]
    gate = asyncio.Semaphore(2)
    planner = pipeline(
        StubDecomposer({GOAL: steps(answer, catalog=catalog)}, gate=gate), list_scheduler=_takes_the_large
    )
    plans = []
    async with aclosing(planner.plan(request(goal_task(limits=Limits(deadline_s=4.5)), catalog=catalog))) as stream:
        async for plan in stream:
            plans.append([planned.placement.agent for planned in plan.steps])
            gate.release()

    assert plans[-2:] == [["captioner", "translator-large"], ["captioner", "translator-small", "printer"]]


async def test_an_agent_that_a_prefix_has_named_stays_though_another_would_be_better():
    answer = [
        {"id": "a", "capability": "translate", "inputs": {"text": "one", "to": "French"}},
        {"id": "b", "capability": "caption", "inputs": {"image": "$steps.a.text"}},
    ]
    gate = asyncio.Semaphore(1)
    planner = pipeline(StubDecomposer({GOAL: steps(answer)}, gate=gate), list_scheduler=_takes_the_large)
    async with aclosing(planner.plan(request())) as stream:
        await anext(stream)
        gate.release()
        whole = await anext(stream)

    assert [planned.placement.agent for planned in whole.steps] == ["translator-large", "captioner"]


def _takes_the_large(flat, wanted, costs):
    forced = tuple(
        step.model_copy(update={"agent": "translator-large"}) if step.capability == "translate" else step
        for step in flat.steps
    )
    return list_schedule(flat.model_copy(update={"steps": forced}), wanted, costs)


def two_ways_to_fetch(usd: float):
    """A dear and quick fetcher, a cheap and slow one; captions cost something too."""
    agents = (
        AgentSpec(name="quick", capability="fetch", price=Price(usd_per_call=usd), expected_s=1.0),
        AgentSpec(name="slow", capability="fetch", price=Price(usd_per_call=0.1), expected_s=5.0),
        AgentSpec(name="captioner", capability="caption", price=Price(usd_per_call=0.2), expected_s=3.0),
    )
    return Catalog(agents=agents)


async def streamed(catalog, **of_task):
    """All plans of a goal of three steps, each written once the steps before it have been scheduled."""
    loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(1)
    fetch, caption = Step(id="s1", capability="fetch"), Step(id="s2", capability="caption", inputs={"x": "$steps.s1"})
    answer = [fetch, caption, caption.model_copy(update={"id": "s3"})]

    def list_scheduler(*asked):
        loop.call_soon_threadsafe(gate.release)
        return list_schedule(*asked)

    planner = pipeline(StubDecomposer({GOAL: answer}, gate=gate), list_scheduler=list_scheduler, clock=Clock())
    return await all_plans(planner, request(goal_task(**of_task), catalog=catalog))


async def test_a_prefix_spends_no_budget_that_steps_not_yet_written_need():
    plans = await streamed(two_ways_to_fetch(0.95), limits=Limits(budget_usd=1))

    assert [step.placement.agent for step in plans[-1].steps] == ["slow", "captioner", "captioner"]
    assert all(step.placement.agent != "quick" for plan in plans for step in plan.steps)


async def test_a_choice_made_in_a_prefix_is_taken_back_where_the_deadline_forbids_it():
    """A fetcher that was cheap, and slow enough when nothing was known to follow."""
    plans = await streamed(
        two_ways_to_fetch(0.95), objective=Objective(latency_weight=0.001, usd_weight=1), limits=Limits(deadline_s=7)
    )

    first, last = ([step.placement.agent for step in plan.steps] for plan in plans)
    assert (first, last) == (["slow"], ["quick", "captioner", "captioner"])
