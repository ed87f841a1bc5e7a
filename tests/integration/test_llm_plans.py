"""A goal over HTTP to plans: prefixes while the LLM still writes, the whole at its end, and what follows a failure."""

import threading
from contextlib import aclosing, asynccontextmanager

import pytest
from goals import ANSWER, GOAL, goal_task, request

from benchmarks.scripted_llm import Fault, ScriptedLLM
from planners.costs import PriorCosts
from planners.errors import DecomposeFailed
from planners.optimal.decompose.config import LLMConfig
from planners.optimal.decompose.llm import LLMDecomposer
from planners.optimal.planner import OptimalPlannerPipeline
from planners.speculative import PlanCache, SpeculativePlannerPipeline

OTHER = GOAL.replace("cat.png", "dog.png").replace("French", "Dutch")
ANSWERS = {
    GOAL: ANSWER,
    OTHER: (
        {**ANSWER[0], "inputs": {"url": "https://a.example/dog.png"}},
        ANSWER[1],
        {**ANSWER[2], "inputs": {"text": "$steps.s2.caption", "to": "Dutch"}},
    ),
}


@asynccontextmanager
async def planner(llm, cache=None):
    told = LLMConfig(base_url=llm.base_url, model=llm.model, stall_s=5.0, max_retries=0, max_repairs=1)
    decomposer = LLMDecomposer(told)
    pipeline = OptimalPlannerPipeline(PriorCosts, decomposer, fallback=SpeculativePlannerPipeline(PriorCosts, cache))
    try:
        yield pipeline
    finally:
        pipeline.close()
        await decomposer.close()


async def whole(pipeline, task):
    return [plan async for plan in pipeline.plan(request(task))][-1]


async def test_a_prefix_of_the_plan_is_there_while_the_llm_still_writes():
    holds = threading.Semaphore(0)
    with ScriptedLLM(ANSWERS, holds=holds) as llm:
        async with planner(llm) as pipeline, aclosing(pipeline.plan(request())) as plans:
            first = await anext(plans)
            written = llm.sent
            holds.release(9)
            rest = [plan async for plan in plans]

    assert [step.id for step in first.steps] == ["fetch"]
    assert written < len(ANSWER)
    assert not first.complete
    assert rest[-1].complete
    assert rest[-1].by_id["fetch"].work_key == first.by_id["fetch"].work_key


async def test_what_the_llm_planned_once_is_guessed_for_other_values_as_the_llm_would_plan_it():
    cache = PlanCache()
    with ScriptedLLM(ANSWERS) as llm:
        async with planner(llm) as pipeline:
            cache.remember(goal_task(), await whole(pipeline, goal_task()))
            guess = SpeculativePlannerPipeline(PriorCosts, cache).guess(request(goal_task(OTHER)))
            truth = await whole(pipeline, goal_task(OTHER))

    assert [step.work_key for step in guess.steps] == [step.work_key for step in truth.steps]


@pytest.mark.parametrize("fault", [Fault.HTTP_500, Fault.DISCONNECT, Fault.CYCLE])
async def test_where_the_llm_fails_the_guess_serves_if_the_task_allows_it(fault):
    cache = PlanCache()
    with ScriptedLLM(ANSWERS, faults=[None, *[fault] * 9]) as llm:
        async with planner(llm, cache) as pipeline:
            cache.remember(goal_task(), await whole(pipeline, goal_task()))
            plan = await whole(pipeline, goal_task(OTHER, fallback=True))
            with pytest.raises(DecomposeFailed):
                await whole(pipeline, goal_task(OTHER))

    assert plan.origin.startswith("fallback:plan-cache")
    assert plan.by_id["translate"].step.inputs["to"].value == "Dutch"
