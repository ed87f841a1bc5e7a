"""An ended run is freed at once: nothing of it waits for the garbage collector."""

import asyncio
import gc

from virtual_loop import in_virtual_time

from orchestrator.local.service import LocalService
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.model import AgentName
from planners.tasks import Task
from reconciler.runtime.driver import Driver
from reconciler.runtime.live_run import LiveRun
from reconciler.state.run import RunState

CATALOG = Catalog(
    agents=(
        AgentSpec(
            name=AgentName("nap"),
            capability="nap",
            kind=AgentKind.ASYNC,
            target="asyncio:sleep",
            expected_s=1.0,
        ),
    )
)
STEPS = [
    {"id": "a", "capability": "nap", "inputs": {"delay": 1, "result": 1}},
    {"id": "b", "capability": "nap", "inputs": {"delay": 1, "result": "$steps.a"}},
]


def runs():
    # By their types: isinstance would follow a weak proxy, whose object may be gone.
    return {id(one) for one in gc.get_objects() if type(one) in {Driver, LiveRun, RunState}}


async def scenario():
    async with LocalService(CATALOG) as service:
        view = await service.run(Task.model_validate({"workflow": {"steps": STEPS}, "limits": {"deadline_s": 60}}))
        await asyncio.sleep(1.0)
        return view.status.value, runs()


def test_nothing_of_an_ended_run_is_left():
    gc.disable()
    try:
        before = runs()
        status, after = in_virtual_time(scenario())
    finally:
        gc.enable()

    assert status == "succeeded"
    assert not after - before
