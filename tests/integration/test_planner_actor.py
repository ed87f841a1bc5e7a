"""The optimal planner in its actor, asked by a shard: a provider that fails, a run that ends while it is planned."""

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest
import ray
from attempts import until
from goals import ANSWER, GOAL, goal_task, request
from shards import a_shard

from benchmarks.scripted_llm import Fault, ScriptedLLM
from orchestrator.service.parcels import Parcel
from orchestrator.service.planning import RemotePlanning, create_planner
from orchestrator.settings import LlmSettings, Settings
from planners.agents import AgentSpec, Catalog
from planners.costs import PriorCosts
from planners.resources import Resources
from planners.speculative.planner import SpeculativePlannerPipeline
from planners.tasks import Mode

OTHER = GOAL.replace("cat.png", "dog.png").replace("French", "Dutch")
OTHER_ANSWER = (
    {**ANSWER[0], "inputs": {"url": "https://a.example/dog.png"}},
    ANSWER[1],
    {**ANSWER[2], "inputs": {"text": "$steps.s2.caption", "to": "Dutch"}},
)


def _agent(capability, takes, gives):
    return AgentSpec(
        name=f"{capability}-agent",
        capability=capability,
        kind="async",
        target="actors.simulated:simulated",
        resources=Resources(),
        settings={"duration_s": 0.0, "output": {gives: "x"}},
        input_schema={"type": "object", "properties": {name: {"type": "string"} for name in takes}},
        output_schema={"type": "object", "properties": {gives: {"type": "string"}}},
    )


CATALOG = Catalog(
    agents=(
        _agent("fetch", ["url"], "image"),
        _agent("caption", ["image", "lang"], "caption"),
        _agent("translate", ["text", "to"], "text"),
    )
)


class _NoLearning:
    def learn_plan(self, task, plan): ...


@asynccontextmanager
async def planned_by(llm, tmp_path, name):
    told = LlmSettings(base_url=llm.base_url, model=llm.model, stall_s=30.0, max_retries=0, max_repairs=0)
    actor = create_planner(Settings(llm=told, data_dir=tmp_path), CATALOG, name)
    planning = RemotePlanning(SpeculativePlannerPipeline(PriorCosts), actor, _NoLearning())
    try:
        async with a_shard(CATALOG, tmp_path, planning=planning) as service:
            yield service, actor
        await actor.close.remote()
    finally:
        ray.kill(actor)


@pytest.mark.ray
async def test_where_the_provider_fails_the_task_that_allows_it_is_served_by_the_guess(cluster, tmp_path):
    faults = [None, Fault.HTTP_500, Fault.DISCONNECT, Fault.HTTP_500]
    with ScriptedLLM({GOAL: ANSWER, OTHER: OTHER_ANSWER}, faults=faults) as llm:
        async with planned_by(llm, tmp_path, "fallback") as (service, _):
            first = await service.ended(await service.submit(goal_task()))
            assert first.status == "succeeded", first.failure

            for mode in (Mode.FORERUN, Mode.WAIT):  # the second does not speculate, and still has its fallback
                task = await service.submit(goal_task(OTHER, fallback=True, mode=mode))
                view = await service.ended(task)
                plans = await service.shard.plans(task)
                assert view.status == "succeeded", view.failure
                assert plans.optimal.origin.startswith("fallback:")
                assert plans.optimal.by_id["translate"].step.inputs["to"].value == "Dutch"

            refused = await service.ended(await service.submit(goal_task(OTHER)))
            assert refused.status == "failed"
            assert refused.failure.kind == "planning"
            assert "HTTP 500" in refused.failure.message
            assert "fallback" in refused.failure.fix


@pytest.mark.ray
async def test_a_run_that_is_cancelled_while_it_is_planned_hangs_up_on_the_llm(cluster, tmp_path):
    holds = threading.Semaphore(0)
    with ScriptedLLM({GOAL: ANSWER}, holds=holds) as llm:
        async with planned_by(llm, tmp_path, "cancelled") as (service, actor):
            task = await service.submit(goal_task())
            await until(lambda: llm.sent >= 1)
            assert await actor.under_way.remote() == 1

            view = await service.shard.cancel(task)

            assert view.status == "cancelled"
            assert await asyncio.to_thread(llm.hung_up.wait, 30.0)
            assert await actor.under_way.remote() == 0


@pytest.mark.ray
async def test_a_planner_that_is_killed_while_it_plans_fails_no_task(cluster, tmp_path):
    holds = threading.Semaphore(0)
    with ScriptedLLM({GOAL: ANSWER}, holds=holds) as llm:
        async with planned_by(llm, tmp_path, "killed") as (service, actor):
            task = await service.submit(goal_task(mode=Mode.WAIT))
            await until(lambda: llm.sent >= 1)

            ray.kill(actor, no_restart=False)
            holds.release(1_000)

            view = await service.ended(task)
            assert view.status == "succeeded", view.failure


@pytest.mark.ray
async def test_a_large_request_that_is_cancelled_at_once_is_not_planned(cluster, tmp_path):
    """The cancel overtakes it: while it is unpacked in a thread, or while Ray holds it back."""
    with ScriptedLLM({GOAL: ANSWER}, holds=threading.Semaphore(0)) as llm:
        async with planned_by(llm, tmp_path, "overtaken") as (_, actor):
            await actor.under_way.remote()
            asked = Parcel(request(goal_task(inputs={"text": "x" * 5_000_000}), catalog=Catalog()))

            plans = actor.plan.options(num_returns="streaming").remote(asked, "t", CATALOG.identity)
            actor.stop.remote("t")

            async with asyncio.timeout(120):
                assert [await plan async for plan in plans] == []
            assert await actor.under_way.remote() == 0
            assert llm.sent == 0
