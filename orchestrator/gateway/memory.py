"""A gateway in memory: tasks are taken on and kept, and whoever holds it says what becomes of them.

For handler tests, and for building pages against without a cluster.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from learner.errors import UnknownVersion
from orchestrator.errors import Unavailable
from orchestrator.gateway.protocol import LearnerVersions, Preview
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.model import StepId, TaskId
from planners.plans import Plan, PlanKind
from planners.tasks import AdmittedTask, Task
from reconciler.errors import IdempotencyConflict, OutputNotReady, Overloaded, UnknownStep, UnknownTask
from reconciler.state.commands import RunStatus
from reconciler.views.models import EventPage, PlansView, StoredEvent, TaskPage, TaskView, Timeline


@dataclass
class _Kept:
    admitted: AdmittedTask
    view: TaskView
    events: list[StoredEvent] = field(default_factory=list)
    outputs: dict[StepId, JsonValue] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class MemoryGateway:
    """Fulfils `Gateway` on one event loop."""

    def __init__(self, catalog: Catalog, cluster: ClusterSnapshot | None = None, max_queue: int = 1000) -> None:
        self._catalog = catalog
        self._cluster = cluster or ClusterSnapshot(nodes=())
        self._max_queue = max_queue
        self._kept: dict[TaskId, _Kept] = {}
        self._by_key: dict[str, TaskId] = {}
        self.learned: dict[str, JsonValue] = {"outcomes": 0}
        self.versions = LearnerVersions()
        self.is_up = True

    # ---- what becomes of tasks

    async def tell(self, task_id: TaskId, kind: str, **data: Any) -> None:
        """Something has happened to a run."""
        kept = self._find(task_id)
        async with kept.changed:
            seq = len(kept.events) + 1
            kept.events.append(StoredEvent(seq=seq, at_s=self._age_s(kept), kind=kind, data=data))
            kept.changed.notify_all()

    async def end(
        self, task_id: TaskId, status: RunStatus = RunStatus.SUCCEEDED, outputs: dict[str, JsonValue] | None = None
    ) -> None:
        """A run has ended; its outputs are those of steps of the same names."""
        kept = self._find(task_id)
        kept.outputs.update({StepId(name): value for name, value in (outputs or {}).items()})
        change = {"status": status, "outputs": outputs, "ended_s": self._age_s(kept)}
        kept.view = kept.view.model_copy(update=change)
        await self.tell(task_id, "run_ended", status=status.value)

    # ---- the protocol

    async def submit(self, task: AdmittedTask) -> TaskView:
        """See `Gateway`."""
        self._require_up()
        if task.idempotency_key in self._by_key:
            return self._repeated(task)
        if sum(not kept.view.status.ended for kept in self._kept.values()) >= self._max_queue:
            raise Overloaded(f"{self._max_queue} tasks are waiting", "", "try again later", 3.0)
        view = TaskView(
            id=task.id,
            name=task.task.name,
            kind=task.task.kind,
            mode=task.task.planning.mode,
            status=RunStatus.PLANNING,
            submitted_at_s=task.submitted_at_s,
        )
        self._kept[task.id] = _Kept(task, view)
        if task.idempotency_key is not None:
            self._by_key[task.idempotency_key] = task.id
        return view

    def _repeated(self, task: AdmittedTask) -> TaskView:
        assert task.idempotency_key is not None, "asked only where there is one"
        first = self._kept[self._by_key[task.idempotency_key]]
        if first.admitted.task != task.task:
            raise IdempotencyConflict("the key was used for another task", "Idempotency-Key", "use a new key")
        return first.view

    async def show(self, task_id: TaskId) -> TaskView:
        """See `Gateway`."""
        return self._find(task_id).view

    async def wait(self, task_id: TaskId, wait_s: float) -> TaskView:
        """See `Gateway`."""
        kept = self._find(task_id)
        await self._until(kept, lambda: kept.view.status.ended, wait_s)
        return kept.view

    async def list_tasks(self, limit: int, before: str | None, status: RunStatus | None) -> TaskPage:
        """See `Gateway`."""
        views = [kept.view for kept in self._kept.values() if status in (None, kept.view.status)]
        newest = sorted((v for v in views if before is None or v.id < before), key=lambda v: v.id, reverse=True)
        page = newest[:limit]
        return TaskPage(tasks=tuple(page), next_before=page[-1].id if len(newest) > limit else None)

    async def cancel(self, task_id: TaskId, reason: str) -> TaskView:
        """See `Gateway`."""
        if not self._find(task_id).view.status.ended:
            await self.tell(task_id, "cancel_requested", reason=reason)
            await self.end(task_id, RunStatus.CANCELLED)
        return self._find(task_id).view

    async def events(self, task_id: TaskId, after: int, wait_s: float) -> EventPage:
        """See `Gateway`."""
        kept = self._find(task_id)
        await self._until(kept, lambda: len(kept.events) > after or kept.view.status.ended, wait_s)
        return EventPage(events=tuple(kept.events[after:]), ended=kept.view.status.ended)

    async def plans(self, task_id: TaskId) -> PlansView:
        """See `Gateway`."""
        return PlansView(task=self._find(task_id).view.id)

    async def timeline(self, task_id: TaskId) -> Timeline:
        """See `Gateway`."""
        return Timeline(task=self._find(task_id).view.id, bars=())

    async def output(self, task_id: TaskId, step: StepId) -> JsonValue:
        """See `Gateway`."""
        kept = self._find(task_id)
        if step in kept.outputs:
            return kept.outputs[step]
        workflow = kept.admitted.task.workflow
        if workflow is not None and any(node.id == step for node in workflow.walk()):
            raise OutputNotReady(f"step '{step}' has not finished", "step", "ask again when it has")
        raise UnknownStep(f"the task has no step '{step}'", "step", "see its plans")

    async def preview(self, task: Task) -> Preview:
        """See `Gateway`. Plans nothing: an empty plan."""
        return Preview(optimal=Plan(kind=PlanKind.OPTIMAL, origin="nobody"), optimal_plan_s=0.0)

    async def agents(self) -> Catalog:
        """See `Gateway`."""
        return self._catalog

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
        there = [kept.version for kept in self.versions.versions]
        wanted = max((number for number in there if number < in_use), default=0) if version is None else version
        if wanted not in there:
            raise UnknownVersion("there is no such version", "version", "see learner versions")
        self.versions = self.versions.model_copy(update={"in_use": wanted})
        return self.versions

    async def metrics(self) -> Sequence[str]:
        """See `Gateway`."""
        return ()

    async def ready(self) -> None:
        """See `Gateway`."""
        self._require_up()

    def _require_up(self) -> None:
        if not self.is_up:
            raise Unavailable("shard 0 of the reconciler has died", "", "try again in a moment")

    def _find(self, task_id: TaskId) -> _Kept:
        self._require_up()
        if task_id not in self._kept:
            raise UnknownTask(f"there is no task '{task_id}'", "id", "GET /v1/tasks lists the tasks there are")
        return self._kept[task_id]

    @staticmethod
    async def _until(kept: _Kept, holds: Any, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s), kept.changed:
                await kept.changed.wait_for(holds)
        except TimeoutError:
            return

    @staticmethod
    def _age_s(kept: _Kept) -> float:
        return max(0.0, time.time() - kept.admitted.submitted_at_s)
