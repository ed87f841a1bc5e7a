"""One shard: admits the tasks whose id falls to it, drives their runs, and answers questions about them."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.errors import ForerunError
from planners.model import NodeId, StepId, TaskId
from planners.speculative.plan_advice import PlanAdvice
from planners.tasks import AdmittedTask, Task
from reconciler.errors import Overloaded, ShuttingDown, UnknownTask
from reconciler.journal.protocol import RunJournal
from reconciler.journal.run_log import RunLog
from reconciler.runtime.driver import Driver
from reconciler.runtime.ended_run import EndedRun
from reconciler.runtime.figures import JournalFigures, shard_figures
from reconciler.runtime.journal_health import JournalHealth
from reconciler.runtime.live_run import LiveRun
from reconciler.runtime.live_runs import LiveRuns
from reconciler.runtime.parking import Parking
from reconciler.runtime.planned_preview import PlannedPreview, planned_advice, planned_preview
from reconciler.runtime.ports import Observer, Ports
from reconciler.runtime.reservations import Reservations
from reconciler.runtime.resumption import resumed
from reconciler.runtime.retries import retried_task
from reconciler.runtime.shard_resources import ShardResources
from reconciler.runtime.submissions import Begun, Submissions
from reconciler.runtime.task_lists import TaskLists
from reconciler.state.events import LimitsAnswered, StepAnswered
from reconciler.state.stored_text import storable
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

_log = logging.getLogger(__name__)
_ALL = TaskFilter()
_CANCEL_WAIT_S = 5.0


class Shard:
    """Admits, drives and shows tasks. All methods run on one event loop; the journal is read in threads."""

    def __init__(
        self,
        ports: Ports,
        journal: RunJournal,
        observer: Observer,
        *,
        most_live: int = 20_000,
        on_close: Sequence[Callable[[], Any]] = (),
    ) -> None:
        """Set up; starts nothing.

        Args:
            ports: what runs depend on.
            journal: this shard's.
            observer: counts what happens.
            most_live: runs driven at once; more are refused.
            on_close: called in order when the shard closes; plain or async.
        """
        self._most_live = most_live
        self._on_close = on_close
        self._journal = journal
        planning_thread = ThreadPoolExecutor(1, thread_name_prefix="speculative-planning")
        self._shared = ShardResources(ports, Reservations(ports.catalog), planning_thread)
        self._health = JournalHealth(journal, ports.clock.now_s, self._shared.turns)
        self.observer = observer
        self._live = LiveRuns(ports.executor, observer)
        self.parking = Parking(journal, ports.clock, self._live.start)
        self._lists = TaskLists(journal, self._live, self.parking)
        self._sweeping: asyncio.Task[None] | None = None
        self._closing = False
        self._submissions = Submissions(journal, self._health, self._begin, observer)

    @property
    def live(self) -> int:
        """How many runs it drives."""
        return len(self._live)

    @property
    def _ports(self) -> Ports:
        return self._shared.ports

    def give_way(self) -> None:
        """Let a request that has arrived be handled before another run has its turn."""
        self._shared.turns.give_way()

    # ---- runs begin and end

    async def resume(self) -> int:
        """Resume the tasks that a former process left unfinished; returns how many."""
        count = 0
        async for driver in resumed(self._journal, self._shared):
            count += 1
            if not self.parking.take(driver):
                self._live.start(driver)
        self._sweeping = asyncio.get_running_loop().create_task(self.parking.sweep_now_and_then(self._live))
        return count

    async def submit(self, admitted: AdmittedTask, wait_s: float = 0.0) -> TaskView:
        """See `Submissions.submit`; then, for ``wait_s``, `wait`.

        Raises:
            Overloaded: too many tasks are running; nothing was changed.
            ShuttingDown: the shard closes; nothing was changed.
        """
        known = await self._submissions.submit(admitted)
        return await (self.wait(known, wait_s) if wait_s > 0 else self.show(known))

    async def submit_many(self, admitted: Sequence[AdmittedTask]) -> list[TaskView | ForerunError]:
        """Admit many tasks, which share a commit: for each its view, or why it was not admitted."""
        return await asyncio.gather(*map(self._submitted, admitted))

    async def _submitted(self, admitted: AdmittedTask) -> TaskView | ForerunError:
        try:
            return await self.submit(admitted)
        except ForerunError as error:
            return error

    def _begin(self, admitted: AdmittedTask, record: Callable[[AdmittedTask], Future[None]]) -> Begun:
        """Record a task and start its run while that is being written."""
        if self._closing:  # requests arrive until the end, and what such a run needs is gone
            raise ShuttingDown("the service is shutting down", fix="try again when it is back")
        if self.live >= self._most_live:
            raise Overloaded(f"{self.live} tasks are running already", fix="try again later", retry_after_s=5.0)
        admission = record(admitted)
        driver = Driver(admitted, self._shared, RunLog(admitted.id, self._journal), admission=admission)
        return Begun(self._live.start(driver), admission)

    async def ready(self) -> None:
        """Return if tasks can be submitted.

        Raises:
            JournalUnavailable: the journal cannot be written.
        """
        await self._health.probe()

    async def cancel(self, task_id: TaskId, reason: str = "") -> TaskView:
        """Ask a run to end and wait a moment for it. Nothing changes if it has ended."""
        run = await self._run(task_id)
        run.cancel(storable(reason))
        return await self.wait(task_id, _CANCEL_WAIT_S)

    async def resolve(
        self, task_id: TaskId, step: StepId, output: JsonValue = None, *, happened: bool, by: str = ""
    ) -> TaskView:
        """Answer whether the irreversible attempt of a step, which was lost, has acted. Durable when this returns.

        ``output`` is what the act returned. If it did not happen, the step runs again.

        Raises:
            UnknownTask: there is no such task.
            UnknownStep: the task has no such step.
            NotInDoubt: nothing about the step is in doubt.
        """
        await (await self._run(task_id)).resolve(step, output, happened=happened, by=storable(by))
        return await self.show(task_id)

    async def retried(self, task_id: TaskId, from_step: StepId | None = None) -> Task:
        """See `reconciler.runtime.retries.retried_task`."""
        return await retried_task(task_id, from_step, self._journal, self._ports)

    async def answer(self, task_id: TaskId, step: StepId, answer: StepAnswered) -> TaskView:
        """Answer a step that waits for a person or a message; see `LiveRun.answer`. Durable when this returns."""
        await (await self._run(task_id)).answer(step, answer)
        return await self.show(task_id)

    async def heartbeat(self, task_id: TaskId, step: StepId) -> bool:
        """Take a heartbeat of an outside system; see `LiveRun.heartbeat`."""
        return await (await self._run(task_id)).heartbeat(step)

    async def answer_limits(self, task_id: TaskId, answer: LimitsAnswered) -> TaskView:
        """Raise limits, or say how a task ends that asks; see `LiveRun.answer_limits`. Durable when this returns."""
        await (await self._run(task_id)).answer_limits(answer)
        return await self.show(task_id)

    def node_lost(self, node: NodeId) -> None:
        """Tell every run that a node has left the cluster."""
        self._live.node_lost(node)

    # ---- questions

    async def _run(self, task_id: TaskId) -> LiveRun | EndedRun:
        live = self._live.get(task_id) or await self.parking.woken(task_id)
        if live is not None:
            live.asked_s = live.driver.now_s
            return live
        view = await asyncio.to_thread(self._journal.view, task_id)
        if view is None:
            raise UnknownTask(f"there is no task '{task_id}'", "id", "`forerun list` (GET /v1/tasks) lists the tasks")
        return EndedRun(view, self._journal)

    async def show(self, task_id: TaskId) -> TaskView:
        """The task as it is now."""
        return self.parking.view(task_id) or await (await self._run(task_id)).view()

    async def wait(self, task_id: TaskId, wait_s: float) -> TaskView:
        """The task when it has ended, or as it is after ``wait_s``."""
        return await (await self._run(task_id)).wait(wait_s) or await self.show(task_id)

    async def list_tasks(self, limit: int, before: str | None = None, where: TaskFilter = _ALL) -> TaskPage:
        """This shard's tasks, newest first, without their outputs."""
        return await self._lists.page(limit, before, where)

    async def events(self, task_id: TaskId, after: int = 0, wait_s: float = 0.0) -> EventPage:
        """A page of a task's events after a sequence number; waits up to ``wait_s`` for the first."""
        return await (await self._run(task_id)).events(after, wait_s)

    async def logs(self, task_id: TaskId, query: LogQuery, wait_s: float = 0.0) -> LogPage:
        """What the attempts of a task have printed and logged; waits up to ``wait_s`` for the first line."""
        return await (await self._run(task_id)).logs(query, wait_s)

    async def plans(self, task_id: TaskId) -> PlansView:
        """Both plans of a task, their similarity, and the verdicts."""
        return await (await self._run(task_id)).plans()

    async def timeline(self, task_id: TaskId) -> Timeline:
        """All attempts of a task."""
        return await (await self._run(task_id)).timeline()

    async def failures(self, task_id: TaskId) -> FailuresView:
        """The latest failed attempts of a task."""
        return await (await self._run(task_id)).failures()

    async def context(self, task_id: TaskId) -> ContextView:
        """What the steps of a task have written to its context."""
        return await (await self._run(task_id)).context()

    async def graph(self, task_id: TaskId) -> RunGraph:
        """Both plans of a task as one graph."""
        return await (await self._run(task_id)).graph(self._ports.planning.chances)

    async def step(self, task_id: TaskId, step: StepId) -> StepView:
        """One step of a task.

        Raises:
            UnknownStep: the task has no such step.
        """
        return await (await self._run(task_id)).step(step)

    async def changes(self, task_id: TaskId, after: int, wait_s: float) -> Changes:
        """What has changed after a sequence number; waits up to ``wait_s`` for the first change."""
        return await (await self._run(task_id)).changes(after, wait_s)

    async def output(self, task_id: TaskId, step: StepId) -> Any:
        """The output of a finished step.

        Raises:
            UnknownStep: the task has no such step.
            OutputNotReady: it has not finished, or its output was lost or too large to be kept.
        """
        return await (await self._run(task_id)).output(step)

    async def preview(self, task: Task) -> PlannedPreview:
        """Make both plans of a task without running it; a `PlanningError` says why there is none."""
        return await planned_preview(task, self._shared)

    async def advice(self, task_id: TaskId) -> PlanAdvice:
        """What would make the plan of a task cheaper or shorter."""
        return await planned_advice(await (await self._run(task_id)).planned(), self._shared)

    def cluster(self) -> ClusterSnapshot:
        """The cluster as it is now, with what this shard's runs have reserved."""
        return self._shared.cluster()

    @property
    def catalog(self) -> Catalog:
        """The agents of tasks that are submitted now."""
        return self._ports.catalog

    def reload(self, catalog: Catalog) -> None:
        """Use these agents for tasks that are submitted from now on, and new code for every later attempt.

        Runs under way keep the agents that they were admitted with: their plans, work keys and budgets refer to them.
        """
        ports = replace(self._ports, catalog=catalog)
        self._shared = replace(self._shared, ports=ports)
        self._shared.reservations.reload(catalog)
        ports.executor.reload(catalog)
        ports.advice.reload(catalog)

    async def metrics(self) -> str:
        """What this shard counts, and its figures as they are now, as Prometheus text."""
        journal = JournalFigures(self._journal.stalled_s, self._journal.waiting, await self._health.size_bytes())
        states = [run.state for run in self._live.values()]
        return self.observer.exposition(shard_figures(states, self._most_live, journal, parked=len(self.parking)))

    async def learner(self) -> dict[str, Any]:
        """What the learner has learned, for people."""
        return await self._ports.advice.status()

    async def close(self) -> None:
        """Stop driving, and begin nothing more. Tasks that have not ended are resumed after a restart."""
        self._closing = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])
        self.parking.close()
        await self._live.stop()
        await asyncio.to_thread(self._shared.close)
        for close in self._on_close:
            try:
                closing = close()
                if inspect.isawaitable(closing):
                    await closing
            except Exception:  # noqa: BLE001 -- the journal must be closed, whatever else fails to close
                _log.exception("a part of the shard could not be closed")
        await asyncio.to_thread(self._journal.close)
