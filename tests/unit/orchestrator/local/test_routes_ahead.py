"""A service that has seen a route go the same way a few times starts that branch while the route is undecided."""

import asyncio

from orchestrator.local.run import catalog_for
from orchestrator.local.service import LocalService
from orchestrator.local.virtual_loop import VirtualLoop
from planners.tasks import Task

WORKFLOW = {
    "steps": [
        {"id": "ask", "capability": "decide"},
        {
            "id": "choice",
            "route": [{"when": '$steps.ask == "mend"', "steps": [{"id": "mended", "capability": "mend"}]}],
            "else": [{"id": "replaced", "capability": "replace"}],
        },
    ]
}


async def decide() -> str:
    await asyncio.sleep(10)
    return "mend"


async def mend() -> str:
    await asyncio.sleep(10)
    return "as new"


async def replace() -> str:
    return "new"


async def bars_of_the_last_of(tasks):
    async with LocalService(catalog_for(None, [decide, mend, replace])) as service:
        for _ in range(tasks):
            view = await service.run(Task(workflow=WORKFLOW))
        assert view.status == "succeeded"
        return {bar.step: bar for bar in (await service.shard.timeline(view.id)).bars}


def test_the_usual_branch_runs_beside_the_step_that_decides():
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        first, last = runner.run(bars_of_the_last_of(1)), runner.run(bars_of_the_last_of(6))

    assert first["mended"].dispatched_s > 9.0
    assert last["mended"].dispatched_s < 5.0
    assert last["mended"].verdict == "commit"
