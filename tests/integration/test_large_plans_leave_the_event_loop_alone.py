"""A shard handles large plans in a thread, and reports of single attempts on its event loop."""

import asyncio
import threading
from collections import Counter

from odd_agents import echoes
from shards import a_shard

from actors.catalog import catalog_of
from planners.model import TaskId
from planners.tasks import AdmittedTask, Task
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.run import RunState

CATALOG = catalog_of(echoes)
STEPS = 400


async def test_only_large_events_are_handled_in_a_thread(tmp_path, monkeypatch):
    loop_thread, on_loop, in_threads = threading.get_ident(), Counter(), Counter()
    handle = RunState.handle

    def observed(run, event):
        (on_loop if threading.get_ident() == loop_thread else in_threads)[type(event)] += 1
        return handle(run, event)

    monkeypatch.setattr(RunState, "handle", observed)
    steps = [{"id": f"s{n}", "capability": "echo", "inputs": {"x": n}} for n in range(STEPS)]
    task = {"workflow": {"steps": steps}, "planning": {"mode": "list_schedule"}}
    async with a_shard(CATALOG, tmp_path) as service:
        view = await service.ended(await service.submit(Task.model_validate(task)))

    assert view.status is RunStatus.SUCCEEDED
    assert in_threads == {e.OptimalPlanReady: 1, e.AttemptFinished: 1}, "the plan, and what ends the run"
    assert on_loop == {e.RunStarted: 1, e.AttemptFinished: STEPS - 1}


async def test_a_task_is_shown_as_it_is_before_or_after_a_large_event(tmp_path, monkeypatch):
    asked, may_go_on = threading.Event(), threading.Event()
    handle = RunState.handle

    def halted(run, event):
        if isinstance(event, e.OptimalPlanReady):
            asked.set()
            assert may_go_on.wait(30.0)
        return handle(run, event)

    monkeypatch.setattr(RunState, "handle", halted)
    steps = [{"id": f"s{n}", "capability": "echo", "inputs": {"x": n}} for n in range(STEPS)]
    task = {"workflow": {"steps": steps}, "planning": {"mode": "list_schedule"}}
    async with a_shard(CATALOG, tmp_path) as service:
        admitted = AdmittedTask(id=TaskId("t"), task=Task.model_validate(task), submitted_at_s=0.0)
        submitting = asyncio.ensure_future(service.shard.submit(admitted))  # its answer may wait for the plan, too
        await asyncio.to_thread(asked.wait, 30.0)
        showing = asyncio.create_task(service.shard.show(admitted.id))
        await asyncio.sleep(0)
        shown_early = showing.done()
        may_go_on.set()
        shown = await showing
        await submitting
        await service.ended(admitted.id)

    assert not shown_early
    assert shown.status is RunStatus.RUNNING
