"""A shard plans speculatively in a thread: a guess at a large task, or learning from one, holds up nobody."""

import asyncio
import threading
from typing import Any

from odd_agents import echoes
from shards import Planners, a_shard

from actors.catalog import catalog_of
from planners.tasks import Task
from reconciler.state.commands import RunStatus

CATALOG = catalog_of(echoes)
GUARD_S = 120.0


class _Slow(Planners):
    """Guesses and remembers only once the event loop lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = threading.Event()
        self.waiting: list[str] = []
        self.guessing = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def guesses(self, request: Any) -> Any:
        self._wait("guess")
        yield from super().guesses(request)

    def remember(self, task: Task, plan: Any) -> None:
        self._wait("remember")
        super().remember(task, plan)

    def _wait(self, what: str) -> None:
        self.waiting.append(what)
        self._loop.call_soon_threadsafe(self.guessing.set)
        assert self.may_go_on.wait(GUARD_S), "the event loop never ran"


async def test_the_event_loop_runs_while_a_guess_is_made_and_a_plan_is_remembered(tmp_path):
    planners = _Slow()
    steps = [{"id": "only", "capability": "echo", "inputs": {"x": 1}}]
    try:
        async with a_shard(CATALOG, tmp_path, planning=planners) as service:
            task_id = await service.submit(Task.model_validate({"workflow": {"steps": steps}}))
            await asyncio.wait_for(planners.guessing.wait(), GUARD_S)
            assert (await service.shard.show(task_id)).status is RunStatus.PLANNING
            planners.may_go_on.set()
            view = await service.ended(task_id)
    finally:
        planners.optimal.close()

    assert view.status is RunStatus.SUCCEEDED
    assert planners.waiting == ["guess", "remember"]
