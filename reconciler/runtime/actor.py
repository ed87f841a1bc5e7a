"""The Ray actor around a shard: builds it on its event loop and forwards calls. It decides nothing."""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any

import ray

from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.errors import ForerunError
from planners.model import StepId, TaskId
from planners.speculative.plan_advice import PlanAdvice
from planners.tasks import AdmittedTask, Task
from reconciler.errors import StartingUp
from reconciler.log_context import log_place
from reconciler.runtime.planned_preview import PlannedPreview
from reconciler.runtime.shard import Shard
from reconciler.state.events import LimitsAnswered, StepAnswered
from reconciler.views.context import ContextView
from reconciler.views.graph import RunGraph
from reconciler.views.logs import LogPage, LogQuery
from reconciler.views.models import (
    Changes,
    EventPage,
    FailuresView,
    PlansView,
    TaskFilter,
    TaskPage,
    TaskView,
    Timeline,
)
from reconciler.views.step_view import StepView

# Builds a shard inside the actor; takes the shard's number.
Build = Callable[[int], Awaitable[Shard]]

# Calls that wait (for the end of a task, for its next event) count as running calls and cost nothing else.
_MOST_CALLS = 10_000
# A thread that wants the interpreter while another one has it waits so long: the event loop while a large plan is made,
# for example. With a fifth of it, ten tasks of 2,000 steps at once took 7 % longer, so it is shortened only while an
# admission waits for the disk (`reconciler.journal.quick_switches`).
_SWITCH_S = 0.0005
# Objects that are created between two collections of the youngest, and multiples of that for the older ones. A full
# collection takes 0.1 s where runs of 5,000 steps are alive: here one follows 5 million kept objects, not 70,000. In a
# burst most objects are freed before the youngest are collected at all; with 5,000 of them that took 3 % of the CPU.
_GC_THRESHOLDS = (15_000, 1, 170)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
# A caller who submits a task wants an answer within two seconds.
_START_WAIT_S = 1.0
_log = logging.getLogger(__name__)


def create(
    build: Any,
    index: int,
    name: str,
    scheduling_strategy: Any = None,
    actor_class: "type[ReconcilerActor] | None" = None,
) -> Any:
    """Start the actor of one shard; returns its handle. ``build`` is a Build or a reference to one."""
    options = ray.remote(actor_class or ReconcilerActor).options(
        name=name,
        num_cpus=0,
        max_concurrency=_MOST_CALLS,
        max_restarts=-1,
        max_task_retries=0,
        scheduling_strategy=scheduling_strategy,
    )
    return options.remote(build, index)


class ReconcilerActor:
    """Drives the runs of one shard. When Ray restarts it after a crash it resumes the unfinished tasks at once."""

    def __init__(self, build: Build, index: int) -> None:
        self._build = build
        self._index = index
        self._started: Shard | None = None
        self._starting: asyncio.Task[int] | None = None
        # Ray creates async actors on their event loop. After a crash nobody may ever call, and tasks must go on.
        self._waking = asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        """Start, and try again while that fails: what the shard needs may be down after the same crash."""
        pause_s = _FIRST_PAUSE_S
        while self._started is None:
            try:
                await self.start()
            except Exception:  # noqa: BLE001 -- a caller of `start` gets the error; without one it is only logged
                _log.exception("shard %d cannot start; trying again in %g s", self._index, pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def start(self) -> int:
        """Build the shard and resume its tasks; returns how many. A second call waits for the first."""
        if self._starting is None or (self._starting.done() and self._started is None):
            # Only once: after a crash many callers come at the same time, and each would drive every run again. In a
            # context of its own, because Ray cancels what a cancelled call has called.
            self._starting = asyncio.get_running_loop().create_task(self._start(), context=Context())
        return await asyncio.shield(self._starting)

    async def _start(self) -> int:
        shard = await self._build(self._index)
        # These objects stay for good, so the garbage collector need not look at them again.
        gc.freeze()
        # By default it looks at the objects of a run with thousands of steps many times, for half of its CPU time.
        gc.set_threshold(*_GC_THRESHOLDS)
        # Threads that write the journal or deserialise must not keep the interpreter from the event loop for long.
        sys.setswitchinterval(_SWITCH_S)
        try:
            resumed = await shard.resume()
        except BaseException:
            await shard.close()  # it drives some runs already, and the next one will, too
            raise
        # Only now: a caller that wants to cancel a run, or to wait for it, must not come before it is resumed.
        self._started = shard
        return resumed

    async def _shard(self) -> Shard:
        """The shard, once it has started.

        Raises:
            StartingUp: it cannot be started now.
        """
        if self._started is None:
            try:
                await self.start()
            except ForerunError:
                raise
            except Exception as error:  # noqa: BLE001 -- whatever it lacks, it is tried again soon, and callers come back
                raise self._starting_up(error) from None
        assert self._started is not None
        return self._started

    async def _shard_soon(self) -> Shard:
        """The shard, if it is there or about to be.

        Raises:
            StartingUp: it is not, or cannot be started now.
        """
        if self._started is None:
            starting = asyncio.ensure_future(self.start())
            starting.add_done_callback(_retrieved)
            await asyncio.wait([starting], timeout=_START_WAIT_S)
            if not starting.done() or starting.exception() is not None:
                raise self._starting_up(starting.exception() if starting.done() else None)
        assert self._started is not None
        return self._started

    def _starting_up(self, error: BaseException | None) -> StartingUp:
        why = "" if error is None else f": {error}".partition("\n")[0]
        fix = f"try again in a moment; {log_place()} says more"
        return StartingUp(f"shard {self._index} of the reconciler is starting{why}", "", fix)

    async def submit(self, admitted: AdmittedTask, wait_s: float = 0.0) -> TaskView:
        """See `Shard.submit`. Does not wait for a shard that is starting."""
        return await (await self._shard_soon()).submit(admitted, wait_s)

    async def submit_many(self, admitted: Sequence[AdmittedTask]) -> list[TaskView | ForerunError]:
        """See `Shard.submit_many`. Does not wait for a shard that is starting."""
        return await (await self._shard_soon()).submit_many(admitted)

    async def show(self, task_id: TaskId) -> TaskView:
        """See `Shard.show`."""
        return await (await self._shard()).show(task_id)

    async def wait(self, task_id: TaskId, wait_s: float) -> TaskView:
        """See `Shard.wait`."""
        return await (await self._shard()).wait(task_id, wait_s)

    async def list_tasks(self, limit: int, before: str | None, where: TaskFilter) -> TaskPage:
        """See `Shard.list_tasks`."""
        return await (await self._shard()).list_tasks(limit, before, where)

    async def cancel(self, task_id: TaskId, reason: str) -> TaskView:
        """See `Shard.cancel`."""
        return await (await self._shard()).cancel(task_id, reason)

    async def resolve(self, task_id: TaskId, step: StepId, output: Any, happened: bool, by: str = "") -> TaskView:  # noqa: FBT001 Ray passes arguments by position
        """See `Shard.resolve`."""
        return await (await self._shard()).resolve(task_id, step, output, happened=happened, by=by)

    async def retried(self, task_id: TaskId, from_step: StepId | None = None) -> Task:
        """See `Shard.retried`."""
        return await (await self._shard()).retried(task_id, from_step)

    async def answer(self, task_id: TaskId, step: StepId, answer: StepAnswered) -> TaskView:
        """See `Shard.answer`."""
        return await (await self._shard()).answer(task_id, step, answer)

    async def heartbeat(self, task_id: TaskId, step: StepId) -> bool:
        """See `Shard.heartbeat`."""
        return await (await self._shard()).heartbeat(task_id, step)

    async def answer_limits(self, task_id: TaskId, answer: LimitsAnswered) -> TaskView:
        """See `Shard.answer_limits`."""
        return await (await self._shard()).answer_limits(task_id, answer)

    async def events(self, task_id: TaskId, after: int, wait_s: float) -> EventPage:
        """See `Shard.events`."""
        return await (await self._shard()).events(task_id, after, wait_s)

    async def logs(self, task_id: TaskId, query: LogQuery, wait_s: float) -> LogPage:
        """See `Shard.logs`."""
        return await (await self._shard()).logs(task_id, query, wait_s)

    async def plans(self, task_id: TaskId) -> PlansView:
        """See `Shard.plans`."""
        return await (await self._shard()).plans(task_id)

    async def timeline(self, task_id: TaskId) -> Timeline:
        """See `Shard.timeline`."""
        return await (await self._shard()).timeline(task_id)

    async def failures(self, task_id: TaskId) -> FailuresView:
        """See `Shard.failures`."""
        return await (await self._shard()).failures(task_id)

    async def context(self, task_id: TaskId) -> ContextView:
        """See `Shard.context`."""
        return await (await self._shard()).context(task_id)

    async def advice(self, task_id: TaskId) -> PlanAdvice:
        """See `Shard.advice`."""
        return await (await self._shard()).advice(task_id)

    async def graph(self, task_id: TaskId) -> RunGraph:
        """See `Shard.graph`."""
        return await (await self._shard()).graph(task_id)

    async def step(self, task_id: TaskId, step: StepId) -> StepView:
        """See `Shard.step`."""
        return await (await self._shard()).step(task_id, step)

    async def changes(self, task_id: TaskId, after: int, wait_s: float) -> Changes:
        """See `Shard.changes`."""
        return await (await self._shard()).changes(task_id, after, wait_s)

    async def output(self, task_id: TaskId, step: StepId) -> Any:
        """See `Shard.output`."""
        return await (await self._shard()).output(task_id, step)

    async def preview(self, task: Task) -> PlannedPreview:
        """See `Shard.preview`."""
        return await (await self._shard()).preview(task)

    async def nodes(self) -> ClusterSnapshot:
        """The cluster as this shard sees it."""
        return (await self._shard()).cluster()

    async def learner(self) -> dict[str, Any]:
        """See `Shard.learner`."""
        return await (await self._shard()).learner()

    async def reload(self, catalog: Catalog) -> None:
        """See `Shard.reload`."""
        (await self._shard()).reload(catalog)

    async def catalog(self, known: str) -> Catalog | None:
        """The agents of this shard; None if their identity is the known one."""
        catalog = (await self._shard()).catalog
        return None if catalog.identity == known else catalog

    async def pid(self) -> int:
        """The id of its process."""
        return os.getpid()

    async def ready(self) -> None:
        """See `Shard.ready`. Does not wait for a shard that is starting."""
        await (await self._shard_soon()).ready()

    async def metrics(self) -> str:
        """The metrics of the shard as Prometheus text."""
        return await (await self._shard()).metrics()

    async def close(self) -> None:
        """Stop driving and close the journal."""
        self._waking.cancel()
        if self._started is not None:
            await self._started.close()


def _retrieved(starting: "asyncio.Future[int]") -> None:
    """Nobody may wait any more for a start that fails, and its error is logged where it is tried again."""
    if not starting.cancelled():
        starting.exception()
