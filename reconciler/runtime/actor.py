"""The Ray actor around a shard: builds it on its own event loop and passes calls on. Nothing is decided here."""

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import ray

from planners.cluster import ClusterSnapshot
from planners.model import StepId, TaskId
from planners.tasks import AdmittedTask, Task
from reconciler.runtime.shard import PlannedPreview, Shard
from reconciler.state.commands import RunStatus
from reconciler.views.models import EventPage, PlansView, TaskPage, TaskView, Timeline

# Builds a shard inside the actor; takes the shard's number.
Build = Callable[[int], Awaitable[Shard]]

# Calls that wait (for the end of a task, for its next event) hold a place each and nothing else.
_MOST_CALLS = 10_000
_SWITCH_S = 0.0005


def create(build: Any, index: int, name: str) -> Any:
    """Start the actor of one shard; the handle. ``build`` is a Build or a reference to one."""
    options = ray.remote(ReconcilerActor).options(
        name=name, num_cpus=0, max_concurrency=_MOST_CALLS, max_restarts=-1, max_task_retries=0
    )
    return options.remote(build, index)


class ReconcilerActor:
    """Drives the runs of one shard. Restarted by Ray after a crash; `start` then takes up what was left unfinished."""

    def __init__(self, build: Build, index: int) -> None:
        self._build = build
        self._index = index
        self._started: Shard | None = None
        self._starting: asyncio.Task[int] | None = None

    async def start(self) -> int:
        """Build the shard and resume; how many runs were resumed. A second call waits for the first."""
        if self._starting is None or (self._starting.done() and self._started is None):
            # One at a time: after a crash many callers come at once, and each would drive every run anew.
            self._starting = asyncio.get_running_loop().create_task(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> int:
        shard = await self._build(self._index)
        # What is there now stays: the collector need not walk it again while runs come and go.
        gc.freeze()
        # A thread that writes the journal or deserialises may not hold the interpreter from the event loop for long.
        sys.setswitchinterval(_SWITCH_S)
        resumed = await shard.resume()
        # Only now: who asks about a run that is yet to be taken up (to cancel it, to wait for it) would not find it.
        self._started = shard
        return resumed

    async def _shard(self) -> Shard:
        if self._started is None:
            await self.start()
        assert self._started is not None
        return self._started

    async def submit(self, admitted: AdmittedTask) -> TaskView:
        """See `Shard.submit`."""
        return await (await self._shard()).submit(admitted)

    async def show(self, task_id: TaskId) -> TaskView:
        """See `Shard.show`."""
        return await (await self._shard()).show(task_id)

    async def wait(self, task_id: TaskId, wait_s: float) -> TaskView:
        """See `Shard.wait`."""
        return await (await self._shard()).wait(task_id, wait_s)

    async def list_tasks(self, limit: int, before: str | None, status: RunStatus | None) -> TaskPage:
        """See `Shard.list_tasks`."""
        return await (await self._shard()).list_tasks(limit, before, status)

    async def cancel(self, task_id: TaskId, reason: str) -> TaskView:
        """See `Shard.cancel`."""
        return await (await self._shard()).cancel(task_id, reason)

    async def events(self, task_id: TaskId, after: int, wait_s: float) -> EventPage:
        """See `Shard.events`."""
        return await (await self._shard()).events(task_id, after, wait_s)

    async def plans(self, task_id: TaskId) -> PlansView:
        """See `Shard.plans`."""
        return await (await self._shard()).plans(task_id)

    async def timeline(self, task_id: TaskId) -> Timeline:
        """See `Shard.timeline`."""
        return await (await self._shard()).timeline(task_id)

    async def output(self, task_id: TaskId, step: StepId) -> Any:
        """See `Shard.output`."""
        return await (await self._shard()).output(task_id, step)

    async def rehearse(self, task: Task) -> PlannedPreview:
        """See `Shard.rehearse`."""
        return await (await self._shard()).rehearse(task)

    async def nodes(self) -> ClusterSnapshot:
        """The cluster as this shard sees it."""
        return (await self._shard()).cluster()

    async def learner(self) -> dict[str, Any]:
        """What the learner says of itself."""
        return await (await self._shard()).learner()

    async def pid(self) -> int:
        """The process it lives in."""
        return os.getpid()

    async def ready(self) -> None:
        """Returns once the shard takes tasks on."""
        await self._shard()

    async def metrics(self) -> str:
        """What the shard counts, as Prometheus text."""
        return (await self._shard()).observer.exposition()

    async def close(self) -> None:
        """Stop driving, close the journal."""
        if self._started is not None:
            await self._started.close()
