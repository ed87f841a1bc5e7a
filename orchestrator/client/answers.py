"""What the client answers where a task asks."""

from abc import ABC, abstractmethod
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, JsonValue

from orchestrator.callback_urls import CallbackAddress
from orchestrator.gateway.protocol import LimitsChange, Resolution, StepAnswer
from reconciler.views.models import TaskView

_View = TypeVar("_View", bound=BaseModel)


class Answers(ABC):
    """The part of the client that answers tasks which ask."""

    @abstractmethod
    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response: ...

    @abstractmethod
    async def _view(self, kind: type[_View], method: str, path: str, **request: Any) -> _View: ...

    async def resolve(
        self, task_id: str, step: str, *, happened: bool, output: JsonValue = None, by: str = ""
    ) -> TaskView:
        """Say whether the irreversible act of a step in doubt has happened, and with what output. The task goes on."""
        content = Resolution(happened=happened, output=output, by=by).model_dump_json()
        return await self._view(TaskView, "POST", f"/v1/tasks/{task_id}/resolutions/{step}", content=content)

    async def answer(self, task_id: str, step: str, answer: StepAnswer) -> TaskView:
        """Approve or reject what a step asks, or send the output that a callback waits for. The task goes on."""
        body = answer.model_dump_json(exclude_unset=True)
        return await self._view(TaskView, "POST", f"/v1/tasks/{task_id}/approvals/{step}", content=body)

    async def callback_address(self, task_id: str, step: str, ttl_s: float | None = None) -> CallbackAddress:
        """A signed address at which an outside system answers a callback without an API key."""
        params = {} if ttl_s is None else {"ttl_s": str(ttl_s)}
        return await self._view(CallbackAddress, "POST", f"/v1/tasks/{task_id}/callbacks/{step}", params=params)

    async def heartbeat(self, task_id: str, step: str) -> None:
        """Say that the work which a callback waits for goes on."""
        await self._ask("POST", f"/v1/tasks/{task_id}/heartbeats/{step}")

    async def change_limits(self, task_id: str, change: LimitsChange) -> TaskView:
        """Raise limits of a task, or say how it ends where it asks about them. The task goes on."""
        return await self._view(TaskView, "POST", f"/v1/tasks/{task_id}/limits", content=change.model_dump_json())
