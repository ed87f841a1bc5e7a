"""The gateway to shards that are Ray actors: one actor call a request, by the task's id."""

import asyncio
import heapq
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar, cast

import ray
from pydantic import JsonValue
from ray.exceptions import RayActorError, RayError, RayTaskError

from orchestrator.errors import LearnerOff, Unavailable
from orchestrator.gateway.preview import preview
from orchestrator.gateway.protocol import LearnerVersions, Preview
from orchestrator.gateway.task_ids import shard_of
from orchestrator.settings import Settings
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.errors import ForerunError
from planners.model import StepId, TaskId
from planners.tasks import AdmittedTask, Task
from reconciler.runtime.shard import PlannedPreview
from reconciler.state.commands import RunStatus
from reconciler.views.models import EventPage, PlansView, TaskPage, TaskView, Timeline

NAMESPACE = "forerun"
LEARNER = "forerun-learner"
# A shard answers from memory or from its journal; one that takes longer is stuck or being restarted.
_PATIENCE_S = 30.0
_PROBE_S = 2.0
# Who collects metrics waits for some 10 s.
_SCRAPE_S = 5.0
# Solving may take its whole time limit, which a task can set, and so may the model before it.
_PLANNING_MARGIN_S = 30.0

_SHARD_UP = "# HELP forerun_shard_up Whether the shard answers\n# TYPE forerun_shard_up gauge"

_Answer = TypeVar("_Answer")


def shard_name(shard: int) -> str:
    """The name of a shard's actor."""
    return f"forerun-reconciler-{shard}"


class RayGateway:
    """Routes each request to the shard of its task. Knows the catalog; keeps nothing else but actor handles."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._shards = settings.reconciler.shards
        self._catalog = catalog
        self._learns = settings.learner.enabled
        self._decomposing_s = settings.llm.timeout_s
        self._handles: dict[str, Any] = {}

    async def submit(self, task: AdmittedTask) -> TaskView:
        """See `Gateway`."""
        shard = self._of(task.id)
        return await self._ask(TaskView, shard, "submit", task)

    async def show(self, task_id: TaskId) -> TaskView:
        """See `Gateway`."""
        return await self._ask(TaskView, self._of(task_id), "show", task_id)

    async def wait(self, task_id: TaskId, wait_s: float) -> TaskView:
        """See `Gateway`."""
        return await self._ask(TaskView, self._of(task_id), "wait", task_id, wait_s, patience_s=wait_s + _PATIENCE_S)

    async def list_tasks(self, limit: int, before: str | None, status: RunStatus | None) -> TaskPage:
        """See `Gateway`. Ids sort by admission, so the shards' pages merge into one."""
        pages = await self._ask_all(TaskPage, "list_tasks", limit, before, status)
        merged = list(heapq.merge(*(page.tasks for page in pages), key=lambda view: view.id, reverse=True))
        more = len(merged) > limit or any(page.next_before is not None for page in pages)
        tasks = tuple(merged[:limit])
        return TaskPage(tasks=tasks, next_before=tasks[-1].id if more and tasks else None)

    async def cancel(self, task_id: TaskId, reason: str) -> TaskView:
        """See `Gateway`."""
        return await self._ask(TaskView, self._of(task_id), "cancel", task_id, reason)

    async def events(self, task_id: TaskId, after: int, wait_s: float) -> EventPage:
        """See `Gateway`."""
        return await self._ask(
            EventPage, self._of(task_id), "events", task_id, after, wait_s, patience_s=wait_s + _PATIENCE_S
        )

    async def plans(self, task_id: TaskId) -> PlansView:
        """See `Gateway`."""
        return await self._ask(PlansView, self._of(task_id), "plans", task_id)

    async def timeline(self, task_id: TaskId) -> Timeline:
        """See `Gateway`."""
        return await self._ask(Timeline, self._of(task_id), "timeline", task_id)

    async def output(self, task_id: TaskId, step: StepId) -> JsonValue:
        """See `Gateway`."""
        answer: Any = await self._ask(object, self._of(task_id), "output", task_id, step)
        return cast("JsonValue", answer)

    async def preview(self, task: Task) -> Preview:
        """See `Gateway`."""
        decomposing_s = 0.0 if task.goal is None else self._decomposing_s
        patience_s = decomposing_s + task.planning.time_limit_s + _PLANNING_MARGIN_S
        return preview(await self._ask(PlannedPreview, 0, "rehearse", task, patience_s=patience_s))

    async def agents(self) -> Catalog:
        """See `Gateway`."""
        return self._catalog

    async def nodes(self) -> ClusterSnapshot:
        """See `Gateway`."""
        return await self._ask(ClusterSnapshot, 0, "nodes")

    async def learner(self) -> dict[str, JsonValue]:
        """See `Gateway`."""
        answer: dict[str, JsonValue] = await self._ask(dict, 0, "learner")
        return answer

    async def learner_versions(self) -> LearnerVersions:
        """See `Gateway`."""
        status = await self._ask_learner("status")
        versions = await self._ask_learner("versions")
        return LearnerVersions(in_use=status.version, versions=tuple(versions))

    async def learner_rollback(self, version: int | None) -> LearnerVersions:
        """See `Gateway`."""
        await self._ask_learner("rollback", version)
        return await self.learner_versions()

    async def metrics(self) -> Sequence[str]:
        """See `Gateway`. Those of the shards that answer, and which do: one that is away must not hide the others."""
        asked = (self._ask(str, shard, "metrics", patience_s=_SCRAPE_S) for shard in range(self._shards))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        up = [f'forerun_shard_up{{shard="{shard}"}} {int(isinstance(a, str))}' for shard, a in enumerate(answers)]
        return [*(a for a in answers if isinstance(a, str)), "\n".join([_SHARD_UP, *up, ""])]

    async def ready(self) -> None:
        """See `Gateway`."""
        await self._ask_all(object, "ready", patience_s=_PROBE_S)

    def _of(self, task_id: TaskId) -> int:
        return shard_of(task_id, self._shards)

    async def _ask_all(
        self, kind: type[_Answer], method: str, *arguments: Any, patience_s: float = _PATIENCE_S
    ) -> list[_Answer]:
        asked = (self._ask(kind, shard, method, *arguments, patience_s=patience_s) for shard in range(self._shards))
        return await asyncio.gather(*asked)

    async def _ask(
        self, kind: type[_Answer], shard: int, method: str, *arguments: Any, patience_s: float = _PATIENCE_S
    ) -> _Answer:
        """One call of a shard; ``kind`` is what the method is known to answer with."""
        who = f"shard {shard} of the reconciler"
        answer: _Answer = await self._call(shard_name(shard), who, method, *arguments, patience_s=patience_s)
        return answer

    async def _ask_learner(self, method: str, *arguments: Any) -> Any:
        if not self._learns:
            raise LearnerOff
        return await self._call(LEARNER, "the learner", method, *arguments, patience_s=_PATIENCE_S)

    async def _call(self, name: str, who: str, method: str, *arguments: Any, patience_s: float) -> Any:
        """One actor call; ``who`` is what people know the actor by."""
        try:
            return await _within(getattr(self._handle(name, who), method).remote(*arguments), patience_s)
        except RayTaskError as error:
            if isinstance(error.cause, ForerunError):
                raise error.cause from None
            raise
        except RayActorError:
            # It may be back under the same name, as another actor.
            self._handles.pop(name, None)
            raise _silent(who, "has died") from None
        except TimeoutError:
            raise _silent(who, f"has not answered within {patience_s:g} s") from None
        except RayError as error:
            raise _silent(who, f"cannot be asked: {error}") from None

    def _handle(self, name: str, who: str) -> Any:
        if name not in self._handles:
            try:
                self._handles[name] = ray.get_actor(name, namespace=NAMESPACE)
            except ValueError:
                raise _silent(who, "is not up") from None
        return self._handles[name]


async def _within(answer: Awaitable[_Answer], seconds: float) -> _Answer:
    async with asyncio.timeout(seconds):
        return await answer


def _silent(who: str, why: str) -> Unavailable:
    return Unavailable(f"{who} {why}", fix="try again in a moment")
