"""A goal with two possible first steps: both start before the optimal plan is known, and the right one is committed."""

import asyncio
from typing import Any

import pytest
from goals import steps
from shards import Planners, a_shard

from planners.agents import AgentSpec, Catalog
from planners.costs import PriorCosts
from planners.optimal.decompose import StubDecomposer
from planners.optimal.planner import OptimalPlannerPipeline
from planners.resources import Resources
from planners.speculative import GuessedPlan, SpeculativePlannerPipeline, SpeculativeSettings
from planners.tasks import PlanningOptions, Task
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Verdict

GUARD_S = 120.0
GOAL = "Say it"


def _agent(capability: str) -> AgentSpec:
    words = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    return AgentSpec(
        name=f"{capability}-agent",
        capability=capability,
        kind="async",
        target="actors.simulated:simulated",
        resources=Resources(),
        settings={"duration_s": 0.0, "output": {"text": "x"}},
        input_schema=words,
        output_schema=words,
    )


CATALOG = Catalog(agents=(_agent("translate"), _agent("shorten")))
ANSWER = ({"id": "s1", "capability": "shorten", "inputs": {"text": "$inputs.text"}, "after": []},)


class _Torn:
    """Thinks of translating first."""

    def predict(self, _text: str, k: int, _kind: str = "") -> list[GuessedPlan]:
        likely, less = (("translate",), (0.6,)), (("shorten",), (0.4,))
        return [GuessedPlan(steps=steps, work_probability=chances) for steps, chances in (likely, less)][:k]


class _Waiting(Planners):
    """The plan is there when the test says so."""

    def __init__(self, alternatives: int) -> None:
        super().__init__()
        settings = SpeculativeSettings(alternatives=alternatives)
        self.optimal = OptimalPlannerPipeline(
            PriorCosts, StubDecomposer({GOAL: steps(ANSWER, later=["text"], catalog=CATALOG)})
        )
        self.speculative = SpeculativePlannerPipeline(PriorCosts, predictor=_Torn(), settings=settings)
        self.begun, self.known = asyncio.Event(), asyncio.Event()

    async def plan(self, request: Any) -> Any:
        self.begun.set()
        await self.known.wait()
        async for plan in self.optimal.plan(request):
            yield plan


@pytest.mark.parametrize("alternatives", [2, 0])
async def test_the_right_first_step_is_committed_and_the_other_flushed(tmp_path, alternatives):
    planning, bold = _Waiting(alternatives), PlanningOptions(alpha=1.0, value_of_time_usd_per_s=1.0)
    async with a_shard(CATALOG, tmp_path, planning=planning) as service:
        service.executor.hold("translate-agent")
        task = await service.submit(Task(goal=GOAL, inputs={"text": "words"}, planning=bold))
        await asyncio.wait_for(planning.begun.wait(), GUARD_S)
        while len((await service.shard.timeline(task)).bars) < 1 + bool(alternatives):  # noqa: ASYNC110 - all guesses
            await asyncio.sleep(0)
        planning.known.set()

        view = await service.ended(task)
        bars = (await service.shard.timeline(task)).bars
        guesses = [e.data for e in (await service.shard.events(task)).events if e.kind == "speculative_plan_ready"]
        plans = await service.shard.plans(task)

    assert view.status is RunStatus.SUCCEEDED
    told = [(bar.capability, bar.speculative, bar.verdict) for bar in bars]
    assert told == [
        ("translate", True, Verdict.FLUSH),
        ("shorten", bool(alternatives), Verdict.COMMIT),
    ]
    assert [guess["alternative"] for guess in guesses] == [False, True][: 1 + bool(alternatives)]
    assert [planned.step.capability for planned in plans.speculative.steps] == ["translate"]
