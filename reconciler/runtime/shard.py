"""One shard: the runs whose task id falls to it. Drives many at once, keeps none that has ended."""

import asyncio
import inspect
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from planners.cluster import ClusterSnapshot
from planners.model import NodeId, StepId, TaskId
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.tasks import AdmittedTask, Task
from reconciler.errors import OutputNotReady, Overloaded, UnknownStep, UnknownTask
from reconciler.journal import Journal, TaskRecord
from reconciler.journal.run_log import RunLog, foldable
from reconciler.runtime.driver import Driver
from reconciler.runtime.ports import Observer, Ports
from reconciler.runtime.reservations import Reservations
from reconciler.state.commands import OutputOf, RunStatus
from reconciler.state.events import CancelRequested, Event, NodeLost
from reconciler.views.models import EventPage, PlansView, TaskPage, TaskView, Timeline
from reconciler.views.projections import plans_view, timeline


@dataclass(frozen=True, slots=True)
class PlannedPreview:
    """Both plans of a task that was not run, and the seconds each took to make."""

    guess: Plan | None
    guess_s: float
    plan: Plan
    plan_s: float


_log = logging.getLogger(__name__)
_LOST = "it is made again where a step still needs it; ask again when the task has ended"
_GONE = "its output was large and went with the run; name it in workflow.outputs to have it returned"


class Shard:
    """Admits, drives and shows tasks. All methods run on one event loop; the journal is read in threads."""

    def __init__(
        self,
        world: Ports,
        journal: Journal,
        observer: Observer,
        *,
        most_live: int = 20_000,
        on_close: Sequence[Callable[[], Any]] = (),
    ) -> None:
        """Take over the parts.

        Args:
            world: what runs are given.
            journal: this shard's.
            observer: counts what happens.
            most_live: runs driven at once; more are refused.
            on_close: called when the shard closes, in order; plain or async.
        """
        self._most_live = most_live
        self._on_close = on_close
        self._world = world
        self._journal = journal
        self._reservations = Reservations(world.catalog)
        self.observer = observer
        self._drivers: dict[TaskId, Driver] = {}
        self._running: dict[TaskId, asyncio.Task[None]] = {}
        self._admitting: dict[str, asyncio.Future[None]] = {}  # by idempotency key

    @property
    def live(self) -> int:
        """How many runs it drives."""
        return len(self._drivers)

    async def resume(self) -> int:
        """Take up the tasks that a former process left unfinished; how many they were."""
        unfinished = await asyncio.to_thread(self._journal.unfinished)
        for admitted in unfinished:
            try:
                past = await asyncio.to_thread(self._journal.events, admitted.id)
                driver, events = self._driver(admitted, RunLog(admitted.id, self._journal, past)), foldable(past)
            except Exception as error:  # noqa: BLE001 -- what one run has left behind must not keep the others from going on
                _log.exception("task %s cannot be taken up", admitted.id)
                await self._driver(admitted, RunLog(admitted.id, self._journal)).abandon(error)
                continue
            self._start(driver, events)
        return len(unfinished)

    async def submit(self, admitted: AdmittedTask) -> TaskView:
        """Take a task on; durable when this returns. A repeated idempotency key answers with the first task.

        The run begins while the disk is still writing; what must not be done twice waits for it (see `Driver`).

        Raises:
            IdempotencyConflict: the key was used with another body.
            Overloaded: too much is under way; nothing was changed.
        """
        key = admitted.idempotency_key
        if key is None:
            return await self._admit(admitted)
        while (under_way := self._admitting.get(key)) is not None:
            # Two of the same millisecond even have the same id; the second would take the first one's place.
            await asyncio.wait([under_way])
        mine = self._admitting[key] = asyncio.get_running_loop().create_future()
        try:
            known = await self._known_as(admitted)
            return await (self._admit(admitted) if known is None else self.show(known))
        finally:
            del self._admitting[key]
            mine.set_result(None)

    async def _admit(self, admitted: AdmittedTask) -> TaskView:
        if self.live >= self._most_live:
            raise Overloaded(f"{self.live} tasks are under way already", fix="try again later", retry_after_s=5.0)
        durable = self._journal.admit(admitted)
        driver = self._driver(admitted, RunLog(admitted.id, self._journal))
        self._start(driver)
        try:
            await asyncio.wrap_future(durable)
        except Exception:
            # Not admitted after all: the journal is gone, or another shard has taken the same key on.
            if (running := self._running.get(admitted.id)) is not None:
                running.cancel()
            known = None if admitted.idempotency_key is None else await self._known_as(admitted)
            if known is None:
                raise
            return await self.show(known)
        self.observer.admitted(admitted.task.kind)
        return driver.view()

    async def _known_as(self, admitted: AdmittedTask) -> TaskId | None:
        return await asyncio.to_thread(self._journal.known_as, admitted)

    def _driver(self, admitted: AdmittedTask, history: RunLog) -> Driver:
        return Driver(admitted, self._world, history, self._reservations)

    def _start(self, driver: Driver, past: Sequence[Event] = ()) -> None:
        task_id = driver.admitted.id
        self._drivers[task_id] = driver
        self._running[task_id] = asyncio.get_running_loop().create_task(self._drive(driver, past))

    async def _drive(self, driver: Driver, past: Sequence[Event]) -> None:
        try:
            self.observer.ended(await self._end(driver, past))
        finally:
            self._drivers.pop(driver.admitted.id, None)
            self._running.pop(driver.admitted.id, None)

    async def _end(self, driver: Driver, past: Sequence[Event]) -> TaskView:
        try:
            return await driver.drive(past)
        except Exception as error:  # noqa: BLE001 -- a task that was acknowledged ends, whatever broke on the way
            _log.exception("the run of task %s broke", driver.admitted.id)
            return await driver.abandon(error)

    async def _record(self, task_id: TaskId) -> TaskRecord:
        record = await asyncio.to_thread(self._journal.find, task_id)
        if record is None:
            raise UnknownTask(f"there is no task '{task_id}'", "id", "GET /v1/tasks lists the tasks there are")
        return record

    async def show(self, task_id: TaskId) -> TaskView:
        """The task as it is now."""
        driver = self._drivers.get(task_id)
        if driver is not None:
            return driver.view()
        return self._ended_view(await self._record(task_id))

    def _ended_view(self, record: TaskRecord) -> TaskView:
        if record.view is not None:
            return TaskView.model_validate_json(record.view)
        admitted = record.admitted
        return TaskView(
            id=admitted.id,
            name=admitted.task.name,
            kind=admitted.task.kind,
            mode=admitted.task.planning.mode,
            status=record.status,
            submitted_at_s=admitted.submitted_at_s,
        )

    async def wait(self, task_id: TaskId, wait_s: float) -> TaskView:
        """The task when it has ended, or as it is after ``wait_s``."""
        running = self._running.get(task_id)
        if running is not None:
            await asyncio.wait([running], timeout=wait_s)
        return await self.show(task_id)

    async def list_tasks(self, limit: int, before: str | None = None, status: RunStatus | None = None) -> TaskPage:
        """This shard's tasks, newest first."""
        if status is not None and not status.ended:
            return self._live_tasks(limit, before, status)
        records = await asyncio.to_thread(self._journal.page, limit + 1, before, status)
        views = []
        for record in records[:limit]:
            driver = self._drivers.get(record.admitted.id)
            view = self._ended_view(record) if driver is None else driver.view()
            views.append(view.model_copy(update={"outputs": None}))
        more = len(records) > limit
        return TaskPage(tasks=tuple(views), next_before=views[-1].id if more and views else None)

    def _live_tasks(self, limit: int, before: str | None, status: RunStatus) -> TaskPage:
        """Those under way are all driven here, and only their drivers know which are still being planned."""
        ids = sorted((task_id for task_id in self._drivers if before is None or task_id < before), reverse=True)
        found = (view for task_id in ids if (view := self._drivers[task_id].view()).status is status)
        views = [view.model_copy(update={"outputs": None}) for view in islice(found, limit + 1)]
        more = len(views) > limit
        return TaskPage(tasks=tuple(views[:limit]), next_before=views[limit - 1].id if more else None)

    async def cancel(self, task_id: TaskId, reason: str = "") -> TaskView:
        """End the run; nothing changes where it has ended."""
        driver = self._drivers.get(task_id)
        if driver is not None:
            driver.post(CancelRequested(at_s=0, reason=reason))
            return await self.wait(task_id, 5.0)
        return await self.show(task_id)

    async def events(self, task_id: TaskId, after: int = 0, wait_s: float = 0.0) -> EventPage:
        """Facts of a run after a sequence number; waits up to ``wait_s`` for the first."""
        driver = self._drivers.get(task_id)
        if driver is not None:
            return await driver.history.page(after, wait_s)
        record = await self._record(task_id)
        lines = await asyncio.to_thread(self._journal.events, task_id, after)
        return EventPage(events=tuple(lines), ended=record.status.ended)

    async def plans(self, task_id: TaskId) -> PlansView:
        """Guess, authority, verdicts."""
        driver = self._drivers.get(task_id)
        if driver is not None:
            return plans_view(driver.run)
        record = await self._record(task_id)
        return PlansView.model_validate_json(record.plans) if record.plans else PlansView(task=task_id)

    async def timeline(self, task_id: TaskId) -> Timeline:
        """All attempts."""
        driver = self._drivers.get(task_id)
        if driver is not None:
            return timeline(driver.run)
        record = await self._record(task_id)
        return Timeline.model_validate_json(record.timeline) if record.timeline else Timeline(task=task_id, bars=())

    async def output(self, task_id: TaskId, step: StepId) -> Any:
        """What a finished step gave.

        Raises:
            UnknownStep: the task has no such step.
            OutputNotReady: it has not finished, or its output was too large to be kept.
        """
        bars = [bar for bar in (await self.timeline(task_id)).bars if bar.step == step]
        if not bars:
            plan = (await self.plans(task_id)).optimal
            if plan is None or step not in plan.by_id:
                raise UnknownStep(f"the task has no step '{step}'", "step", f"GET /v1/tasks/{task_id}/plans names them")
        finished = [bar for bar in bars if bar.status == "finished"]
        if not finished:
            raise OutputNotReady(f"step '{step}' has not finished", "step", "ask again when it has")
        used = [bar for bar in finished if bar.verdict is not None and bar.verdict.survives] or finished
        driver = self._drivers.get(task_id)
        if driver is not None:
            try:
                return await self._world.executor.value(task_id, OutputOf(attempt=used[-1].attempt))
            except LookupError:
                raise OutputNotReady(f"step '{step}' has finished, but its output was lost", "step", _LOST) from None
        return await asyncio.to_thread(self._kept_output, task_id, step, used[-1].attempt)

    def _kept_output(self, task_id: TaskId, step: StepId, attempt: str) -> Any:
        for line in self._journal.events(task_id, kinds=("attempt_finished",)):
            if line.data["attempt"] == attempt and not line.data["handoff"]["by_reference"]:
                return line.data["handoff"]["output"]
        record = self._journal.find(task_id)
        outputs = json.loads(record.view)["outputs"] if record and record.view else None
        if outputs and step in outputs:
            return outputs[step]
        raise OutputNotReady(f"step '{step}' has finished, but {_GONE}", "step")

    async def rehearse(self, task: Task) -> PlannedPreview:
        """Make both plans of a task without running it.

        Raises:
            PlanningError: no plan can be made.
        """
        world = self._world
        request = PlanRequest(task=task, catalog=world.catalog, cluster=self.cluster())
        asked_s = world.clock.now_s()
        guess = next(world.planning.guesses(request), None)
        guessed_s = world.clock.now_s()
        plans = [plan async for plan in world.planning.plan(request.model_copy(update={"hint": guess}))]
        return PlannedPreview(
            guess=guess, guess_s=guessed_s - asked_s, plan=plans[-1], plan_s=world.clock.now_s() - guessed_s
        )

    def cluster(self) -> ClusterSnapshot:
        """The cluster as it is now, with what this shard's runs have reserved."""
        cluster = self._world.cluster.snapshot()
        held = self._reservations.of_others(None, self._world.clock.now_s())
        return cluster.model_copy(update={"reservations": (*cluster.reservations, *held)})

    async def learner(self) -> dict[str, Any]:
        """What the learner says of itself."""
        return await self._world.advice.status()

    def lose(self, node: NodeId) -> None:
        """A node has left the cluster: tell every run."""
        for driver in self._drivers.values():
            driver.post(NodeLost(at_s=0, node=node))

    async def close(self) -> None:
        """Stop driving; what has not ended goes on after a restart."""
        running = list(self._running.values())
        for drive in running:
            drive.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for close in self._on_close:
            try:
                closing = close()
                if inspect.isawaitable(closing):
                    await closing
            except Exception:  # noqa: BLE001 -- the journal must be written to its end whatever else does not end well
                _log.exception("a part of the shard did not close")
        await asyncio.to_thread(self._journal.close)
