"""What people and outside systems answer, in the gateway in memory. What a run does then is up to the owner."""

from abc import ABC, abstractmethod
from typing import Any

from orchestrator.gateway.memory_task import StoredTask
from orchestrator.gateway.protocol import LimitsChange, Resolution, StepAnswer
from planners.model import StepId, TaskId
from reconciler.errors import NotAsked
from reconciler.state.commands import RunStatus
from reconciler.views.models import TaskView


class MemoryAnswers(ABC):
    """The part of the gateway in memory that takes answers."""

    @abstractmethod
    def _find(self, task_id: TaskId) -> StoredTask: ...

    @abstractmethod
    async def record(self, task_id: TaskId, kind: str, **data: Any) -> None:
        """Append an event to a run."""

    @abstractmethod
    async def show(self, task_id: TaskId, **view: Any) -> None:
        """Change fields of a task's view."""

    async def resolve(self, task_id: TaskId, step: StepId, resolution: Resolution) -> TaskView:
        """See `Gateway`."""
        others = self._find(task_id).doubts_without(step)
        await self.show(task_id, in_doubt=others, status=RunStatus.IN_DOUBT if others else RunStatus.RUNNING)
        await self.record(task_id, "doubt_resolved", step=step, **resolution.model_dump(exclude={"v"}))
        return self._find(task_id).view

    async def answer(self, task_id: TaskId, step: StepId, answer: StepAnswer) -> TaskView:
        """See `Gateway`."""
        await self.show(task_id, waiting=self._find(task_id).waits_without(step))
        await self.record(task_id, "step_answered", step=step, **answer.model_dump(exclude={"v"}))
        return self._find(task_id).view

    async def heartbeat(self, task_id: TaskId, step: StepId) -> bool:
        """See `Gateway`."""
        self._find(task_id).waits_without(step)
        await self.record(task_id, "heartbeat_received", step=step)
        return True

    async def change_limits(self, task_id: TaskId, change: LimitsChange) -> TaskView:
        """See `Gateway`."""
        limits = self._find(task_id).view.limits
        if limits is None or not limits.asked:
            raise NotAsked("the task does not ask about its limits", "action", "`forerun show` names those that do")
        await self.show(task_id, limits=limits.model_copy(update={"asked": ()}))
        await self.record(task_id, "limits_answered", **change.model_dump(exclude={"v"}))
        return self._find(task_id).view
