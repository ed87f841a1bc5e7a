"""A small LLM drafts the plan while the other one is still writing: agents work before the plan is there."""

import asyncio
import threading

from benchmarks.scripted_llm import ScriptedLLM
from orchestrator.local.run import catalog_for
from orchestrator.local.service import LocalService
from orchestrator.settings import DraftSettings, LlmSettings, Settings
from planners.tasks import PlanningOptions, Task

GOAL = "Look, then tell"
STEPS = (
    {"id": "a", "capability": "look", "inputs": {}, "after": []},
    {"id": "b", "capability": "tell", "inputs": {"seen": "$steps.a"}, "after": []},
)


class Agents:
    """Two agents; the test learns when the second one has run."""

    def __init__(self):
        self.told = asyncio.Event()
        self.runs = []

    def catalog(self):
        async def look() -> str:
            self.runs.append("look")
            return "a house"

        async def tell(seen: str) -> str:
            self.runs.append("tell")
            self.told.set()
            return f"I see {seen}"

        return catalog_for(None, [look, tell])


def settings(llm, draft):
    small = DraftSettings(model=draft.model, base_url=draft.base_url)
    return Settings(llm=LlmSettings(base_url=llm.base_url, model=llm.model, draft=small))


async def test_the_draft_is_carried_out_before_the_plan_is_written_and_the_plan_confirms_it():
    agents, may_write = Agents(), threading.Semaphore(0)
    with ScriptedLLM({GOAL: STEPS}, holds=may_write) as llm, ScriptedLLM({GOAL: STEPS}) as draft:
        async with LocalService(agents.catalog(), settings(llm, draft)) as service:
            task = Task(goal=GOAL, planning=PlanningOptions(alpha=1.0, value_of_time_usd_per_s=1.0))
            running = asyncio.create_task(service.run(task))
            await asyncio.wait_for(agents.told.wait(), 60)
            may_write.release()
            view = await asyncio.wait_for(running, 60)

    assert view.status == "succeeded"
    assert agents.runs == ["look", "tell"]
    assert len(draft.requests) == 1
