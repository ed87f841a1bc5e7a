"""A gateway in memory: it stores tasks, and its owner decides what happens to them.

For tests of handlers and for developing pages without a cluster.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pydantic_core
from pydantic import JsonValue

from learner.errors import UnknownVersion
from orchestrator.errors import Unavailable
from orchestrator.gateway.memory_answers import MemoryAnswers
from orchestrator.gateway.memory_task import StoredTask
from orchestrator.gateway.protocol import LearnerVersions, Preview, View
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.errors import ForerunError
from planners.model import AgentName, AttemptId, NodeId, StepId, TaskId
from planners.plans import Plan, PlanKind
from planners.tasks import AdmittedTask, RetryOf, Task
from reconciler.errors import (
    CannotRetry,
    IdempotencyConflict,
    OutputNotReady,
    Overloaded,
    UnknownStep,
    UnknownTask,
)
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure
from reconciler.views.logs import LogLevel, LogLine, LogPage, LogQuery, LogStream
from reconciler.views.models import (
    Changes,
    Doubt,
    EncodedEvent,
    EventPage,
    PlansView,
    TaskFilter,
    TaskPage,
    TaskView,
    Timeline,
    TimelineBar,
)
from reconciler.views.step_view import StepView, step_view


class MemoryGateway(MemoryAnswers):
    """Fulfils `Gateway` on one event loop, in one process."""

    def __init__(self, cluster: ClusterSnapshot | None = None, max_queue: int = 1000) -> None:
        self._cluster = cluster or ClusterSnapshot(nodes=())
        self._max_queue = max_queue
        self._stored: dict[TaskId, StoredTask] = {}
        self._by_key: dict[str, TaskId] = {}
        self.learned: dict[str, JsonValue] = {"outcomes": 0}
        self.versions = LearnerVersions()
        self.is_up = True
        self.catalog_now: Catalog | None = None

    # ---- what happens to tasks

    async def record(self, task_id: TaskId, kind: str, **data: Any) -> None:
        """Append an event to a run."""
        stored = self._find(task_id)
        async with stored.changed:
            seq, text = len(stored.events) + 1, pydantic_core.to_json(data).decode()
            stored.events.append(EncodedEvent(seq=seq, at_s=stored.age_s, kind=kind, text=text))
            stored.changed.notify_all()

    async def log(self, task_id: TaskId, step: str, text: str, level: LogLevel = LogLevel.INFO) -> None:
        """Add a line that an attempt of a step has printed."""
        stored = self._find(task_id)
        async with stored.changed:
            line = LogLine(
                seq=len(stored.lines) + 1,
                task=task_id,
                step=StepId(step),
                attempt=AttemptId(f"{step}#1"),
                logged_at_s=time.time(),
                level=level,
                stream=LogStream.STDOUT,
                text=text,
            )
            stored.lines.append(line)
            stored.changed.notify_all()

    async def end(
        self,
        task_id: TaskId,
        status: RunStatus = RunStatus.SUCCEEDED,
        outputs: dict[str, JsonValue] | None = None,
        failure: Failure | None = None,
    ) -> None:
        """End a run. Its outputs also become the outputs of the steps with these names."""
        stored = self._find(task_id)
        stored.outputs.update({StepId(name): value for name, value in (outputs or {}).items()})
        change = {"status": status, "outputs": outputs, "ended_s": stored.age_s, "failure": failure}
        stored.view = stored.view.model_copy(update=change)
        await self.record(task_id, "run_ended", status=status.value)

    async def show(
        self,
        task_id: TaskId,
        bars: Iterable[TimelineBar] = (),
        plans: PlansView | None = None,
        timeline: Mapping[str, Any] | None = None,
        **view: Any,
    ) -> None:
        """Let a run look otherwise: these attempts, plans, other fields of its timeline, fields of its view."""
        stored = self._find(task_id)
        async with stored.changed:
            stored.seq += 1
            stored.bars.update({bar.attempt: (stored.seq, bar) for bar in bars})
            stored.view = stored.view.model_copy(update=view)
            if plans is not None:
                stored.plans, stored.planned_seq = plans, stored.seq
            before = stored.timeline or Timeline(task=task_id, bars=())
            stored.timeline = before.model_copy(update=timeline or {})
            stored.changed.notify_all()

    def doubt(self, task_id: TaskId, step: str, *, verifying: bool = False) -> None:
        """Leave a step in doubt."""
        view = self._find(task_id).view
        doubt = Doubt(
            step=StepId(step),
            attempt=AttemptId(f"{step}#1"),
            agent=AgentName("actor"),
            node=NodeId("n1"),
            since_s=0.0,
            verifying=verifying,
            reason="the process died",
        )
        change = {"in_doubt": (*view.in_doubt, doubt), "status": RunStatus.IN_DOUBT}
        self._find(task_id).view = view.model_copy(update=change)

    # ---- the protocol

    async def submit(self, task: AdmittedTask, wait_s: float = 0.0) -> TaskView:
        """See `Gateway`."""
        view = self._submitted(task)
        return view if wait_s <= 0 else await self.wait(view.id, wait_s)

    async def submit_many(self, tasks: Sequence[AdmittedTask]) -> list[TaskView | ForerunError]:
        """See `Gateway`."""
        answers: list[TaskView | ForerunError] = []
        for task in tasks:
            try:
                answers.append(self._submitted(task))
            except ForerunError as error:
                answers.append(error)
        return answers

    def _submitted(self, task: AdmittedTask) -> TaskView:
        self._require_up()
        if task.idempotency_key in self._by_key:
            return self._repeated(task)
        if sum(not stored.view.status.ended for stored in self._stored.values()) >= self._max_queue:
            raise Overloaded(f"the queue is full: {self._max_queue} tasks are waiting", "", "try again later", 3.0)
        view = TaskView(
            id=task.id,
            name=task.task.name,
            kind=task.task.kind,
            mode=task.task.planning.mode,
            status=RunStatus.PLANNING,
            submitted_at_s=task.submitted_at_s,
            labels=task.task.labels,
        )
        self._stored[task.id] = StoredTask(task, view)
        if task.idempotency_key is not None:
            self._by_key[task.idempotency_key] = task.id
        return view

    def _repeated(self, task: AdmittedTask) -> TaskView:
        assert task.idempotency_key is not None, "called only for tasks with a key"
        first = self._stored[self._by_key[task.idempotency_key]]
        if first.admitted.task != task.task:
            raise IdempotencyConflict(
                "this idempotency key was used for another task", "Idempotency-Key", "use a new key"
            )
        return first.view

    async def read(self, task_id: TaskId, view: type[View]) -> View:
        """See `Gateway`. Plans and timeline are those of the latest `show`."""
        stored = self._find(task_id)
        return cast("View", stored.shown(view))

    async def step(self, task_id: TaskId, step: StepId) -> StepView:
        """See `Gateway`."""
        plans, timeline = await self.read(task_id, PlansView), await self.read(task_id, Timeline)
        stored = self._find(task_id)
        found = step_view(step, plans, timeline, stored.admitted.task.values, stored.outputs.__getitem__)
        if found is None:
            raise UnknownStep(f"the task has no step '{step}'", "step", "see the task's plans")
        return found

    async def changes(self, task_id: TaskId, after: int, wait_s: float) -> Changes:
        """See `Gateway`."""
        stored = self._find(task_id)
        await stored.until(lambda: stored.seq > after or stored.view.status.ended, wait_s)
        bars = tuple(bar for seq, bar in stored.bars.values() if seq > after)
        return Changes(
            seq=stored.seq,
            planned_seq=stored.planned_seq,
            at_s=stored.age_s if stored.view.ended_s is None else stored.view.ended_s,
            view=stored.view,
            bars=bars,
            steps=stored.shown_notes(),
            ended=stored.view.status.ended,
        )

    async def wait(self, task_id: TaskId, wait_s: float) -> TaskView:
        """See `Gateway`."""
        stored = self._find(task_id)
        await stored.until(lambda: stored.view.status.ended, wait_s)
        return stored.view

    async def list_tasks(self, limit: int, before: str | None, where: TaskFilter) -> TaskPage:
        """See `Gateway`."""
        views = [
            stored.view
            for stored in self._stored.values()
            if where.status in (None, stored.view.status) and where.describes(stored.view)
        ]
        newest = sorted((v for v in views if before is None or v.id < before), key=lambda v: v.id, reverse=True)
        return TaskPage(tasks=tuple(newest[:limit]), next_before=newest[limit - 1].id if newest[limit:] else None)

    async def cancel(self, task_id: TaskId, reason: str) -> TaskView:
        """See `Gateway`."""
        if not self._find(task_id).view.status.ended:
            await self.record(task_id, "cancel_requested", reason=reason)
            await self.end(task_id, RunStatus.CANCELLED)
        return self._find(task_id).view

    async def retried(self, task_id: TaskId, from_step: StepId | None) -> Task:
        """See `Gateway`. Steps are not checked."""
        stored = self._find(task_id)
        if not stored.view.status.ended:
            raise CannotRetry("the task has not ended", "id", "wait for its end, or cancel it")
        return stored.admitted.task.model_copy(update={"retry_of": RetryOf(task=task_id, from_step=from_step)})

    async def events(self, task_id: TaskId, after: int, wait_s: float) -> EventPage:
        """See `Gateway`."""
        stored = self._find(task_id)
        await stored.until(lambda: len(stored.events) > after or stored.view.status.ended, wait_s)
        return EventPage(events=tuple(stored.events[after:]), ended=stored.view.status.ended)

    async def logs(self, task_id: TaskId, query: LogQuery, wait_s: float) -> LogPage:
        """See `Gateway`."""
        stored = self._find(task_id)

        def found() -> list[LogLine]:
            lines = [line for line in stored.lines if line.seq > query.after and query.holds(line.attempt, line.step)]
            return [line for line in lines if query.holds_level(line.level)]

        await stored.until(lambda: bool(found()) or stored.view.status.ended, wait_s)
        lines = found()
        page = lines[-query.limit :] if query.tail else lines[: query.limit]
        cut = len(page) < len(lines) and not query.tail
        after = page[-1].seq if cut else max(query.after, len(stored.lines))
        return LogPage(lines=tuple(page), next_after=after, ended=stored.view.status.ended and not cut)

    async def output(self, task_id: TaskId, step: StepId) -> JsonValue:
        """See `Gateway`."""
        stored = self._find(task_id)
        if step in stored.outputs:
            return stored.outputs[step]
        workflow = stored.admitted.task.workflow
        if workflow is not None and any(node.id == step for node in workflow.walk()):
            raise OutputNotReady(f"step '{step}' has not finished", "step", "ask again when it has finished")
        raise UnknownStep(f"the task has no step '{step}'", "step", "see the task's plans")

    async def preview(self, task: Task) -> Preview:
        """See `Gateway`. The plan is empty."""
        return Preview(optimal=Plan(kind=PlanKind.OPTIMAL, origin="memory"), optimal_plan_s=0.0)

    async def nodes(self) -> ClusterSnapshot:
        """See `Gateway`."""
        self._require_up()
        return self._cluster

    async def learner(self) -> dict[str, JsonValue]:
        """See `Gateway`."""
        return self.learned

    async def learner_versions(self) -> LearnerVersions:
        """See `Gateway`."""
        return self.versions

    async def learner_rollback(self, version: int | None) -> LearnerVersions:
        """See `Gateway`."""
        in_use = self.versions.in_use or 0
        known = [manifest.version for manifest in self.versions.versions]
        wanted = max((number for number in known if number < in_use), default=0) if version is None else version
        if wanted not in known:
            raise UnknownVersion(f"there is no version {wanted}", "version", "see `forerun learner versions`")
        self.versions = self.versions.model_copy(update={"in_use": wanted})
        return self.versions

    async def reload(self, catalog: Catalog) -> None:
        """See `Gateway`."""
        self._require_up()
        self.catalog_now = catalog

    async def catalog(self, known: str) -> Catalog | None:
        """See `Gateway`."""
        now = self.catalog_now
        return None if now is None or now.identity == known else now

    async def metrics(self) -> Sequence[str]:
        """See `Gateway`."""
        return ()

    async def ready(self) -> None:
        """See `Gateway`."""
        self._require_up()

    def _require_up(self) -> None:
        if not self.is_up:
            raise Unavailable("shard 0 of the reconciler has died", "", "try again in a moment")

    def _find(self, task_id: TaskId) -> StoredTask:
        self._require_up()
        if task_id not in self._stored:
            raise UnknownTask(f"there is no task '{task_id}'", "id", "`forerun list` (GET /v1/tasks) lists the tasks")
        return self._stored[task_id]
