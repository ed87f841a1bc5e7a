"""The gateway on Ray: every request becomes one actor call, routed by the task's id."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from pydantic import JsonValue

from orchestrator.errors import LearnerOff
from orchestrator.gateway.actor_calls import TIMEOUT_S, ActorCalls, to_its_end
from orchestrator.gateway.liveness import Liveness
from orchestrator.gateway.preview import preview
from orchestrator.gateway.protocol import LearnerVersions, LimitsChange, Preview, Resolution, StepAnswer, View
from orchestrator.gateway.task_ids import shard_of
from orchestrator.settings import Settings
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.errors import ForerunError
from planners.model import AttemptId, StepId, TaskId
from planners.speculative.plan_advice import PlanAdvice
from planners.tasks import AdmittedTask, Task
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

LEARNER = "forerun-learner"
PLANNER = "forerun-planner"
LIMITS = "forerun-limits"
# `/readyz` and submissions answer within two seconds, whatever is away.
_READY_TIMEOUT_S = 1.5
# Prometheus waits for 10 s by default.
_SCRAPE_TIMEOUT_S = 5.0
# Added to the time limits of model and solver, which a task can set.
_PLANNING_MARGIN_S = 30.0

_SHARD_UP = "# HELP forerun_shard_up Whether the shard answers\n# TYPE forerun_shard_up gauge"
_PLANNER_UP = "# HELP forerun_planner_up Whether the planner answers\n# TYPE forerun_planner_up gauge"
# The shard's method that answers with a view.
_QUERIES: dict[type, str] = {
    TaskView: "show",
    PlansView: "plans",
    Timeline: "timeline",
    FailuresView: "failures",
    ContextView: "context",
    RunGraph: "graph",
    PlanAdvice: "advice",
}


def shard_name(shard: int) -> str:
    """The name of a shard's actor."""
    return f"forerun-reconciler-{shard}"


def _title(shard: int) -> str:
    return f"shard {shard} of the reconciler"


class RayGateway:
    """Fulfils `Gateway`. Holds no state but actor handles."""

    def __init__(self, settings: Settings, local: Mapping[str, Any] | None = None) -> None:
        """Set up. ``local``: actors of this process by name."""
        self._shards = settings.reconciler.shards
        here = (shard for shard in range(self._shards) if local and shard_name(shard) in local)
        self._any = next(here, 0)  # answers what any shard may answer
        self._learns = settings.learner.enabled
        self._decomposition_s = settings.llm.timeout_s
        self._actors = ActorCalls(local)
        self._planner = Liveness(lambda: self._actors.call(PLANNER, "the planner", "under_way"))

    async def submit(self, task: AdmittedTask, wait_s: float = 0.0) -> TaskView:
        """See `Gateway`."""
        await self._planner.require()
        answer = await self._changed(task.id, "submit", task, wait_s, timeout_s=wait_s + TIMEOUT_S)
        return cast("TaskView", answer)

    async def submit_many(self, tasks: Sequence[AdmittedTask]) -> list[TaskView | ForerunError]:
        """See `Gateway`. One call for each shard."""
        await self._planner.require()
        of_shard: dict[int, list[AdmittedTask]] = {}
        for task in tasks:
            of_shard.setdefault(shard_of(task.id, self._shards), []).append(task)
        calls = [self._submit_to(shard, together) for shard, together in of_shard.items()]
        found = {task_id: answer for answers in await asyncio.gather(*calls) for task_id, answer in answers.items()}
        return [found[task.id] for task in tasks]

    async def _submit_to(self, shard: int, tasks: list[AdmittedTask]) -> dict[TaskId, TaskView | ForerunError]:
        ids = [task.id for task in tasks]
        try:
            return dict(zip(ids, await self._changed_in(shard, "submit_many", tasks), strict=True))
        except ForerunError as error:  # the shard does not answer, or does not take tasks yet
            return dict.fromkeys(ids, error)

    async def read(self, task_id: TaskId, view: type[View]) -> View:
        """See `Gateway`."""
        return cast("View", await self._of_task(task_id, _QUERIES[view], task_id))

    async def wait(self, task_id: TaskId, wait_s: float) -> TaskView:
        """See `Gateway`."""
        answer = await self._of_task(task_id, "wait", task_id, wait_s, timeout_s=wait_s + TIMEOUT_S)
        return cast("TaskView", answer)

    async def list_tasks(self, limit: int, before: str | None, where: TaskFilter) -> TaskPage:
        """See `Gateway`. Ids sort by admission, so the pages of all shards merge into one."""
        pages: list[TaskPage] = await self._of_all("list_tasks", limit, before, where)
        merged = list(heapq.merge(*(page.tasks for page in pages), key=lambda view: view.id, reverse=True))
        more = len(merged) > limit or any(page.next_before is not None for page in pages)
        tasks = tuple(merged[:limit])
        return TaskPage(tasks=tasks, next_before=tasks[-1].id if more and tasks else None)

    async def cancel(self, task_id: TaskId, reason: str) -> TaskView:
        """See `Gateway`."""
        return cast("TaskView", await self._changed(task_id, "cancel", task_id, reason))

    async def retried(self, task_id: TaskId, from_step: StepId | None) -> Task:
        """See `Gateway`."""
        return cast("Task", await self._of_task(task_id, "retried", task_id, from_step))

    async def resolve(self, task_id: TaskId, step: StepId, resolution: Resolution) -> TaskView:
        """See `Gateway`."""
        said = resolution.output, resolution.happened, resolution.by
        return cast("TaskView", await self._changed(task_id, "resolve", task_id, step, *said))

    async def answer(self, task_id: TaskId, step: StepId, answer: StepAnswer) -> TaskView:
        """See `Gateway`."""
        # What is unset stays so: a callback tells a null that was sent from an output that is missing.
        said = answer.model_dump(exclude={"v"}, exclude_unset=True)
        told = StepAnswered(at_s=0, attempt=AttemptId(""), **said)
        return cast("TaskView", await self._changed(task_id, "answer", task_id, step, told))

    async def heartbeat(self, task_id: TaskId, step: StepId) -> bool:
        """See `Gateway`."""
        return cast("bool", await self._of_task(task_id, "heartbeat", task_id, step))

    async def change_limits(self, task_id: TaskId, change: LimitsChange) -> TaskView:
        """See `Gateway`."""
        told = LimitsAnswered(at_s=0, **change.model_dump(exclude={"v"}))
        return cast("TaskView", await self._changed(task_id, "answer_limits", task_id, told))

    async def events(self, task_id: TaskId, after: int, wait_s: float) -> EventPage:
        """See `Gateway`."""
        answer = await self._of_task(task_id, "events", task_id, after, wait_s, timeout_s=wait_s + TIMEOUT_S)
        return cast("EventPage", answer)

    async def logs(self, task_id: TaskId, query: LogQuery, wait_s: float) -> LogPage:
        """See `Gateway`."""
        answer = await self._of_task(task_id, "logs", task_id, query, wait_s, timeout_s=wait_s + TIMEOUT_S)
        return cast("LogPage", answer)

    async def step(self, task_id: TaskId, step: StepId) -> StepView:
        """See `Gateway`."""
        return cast("StepView", await self._of_task(task_id, "step", task_id, step))

    async def changes(self, task_id: TaskId, after: int, wait_s: float) -> Changes:
        """See `Gateway`."""
        answer = await self._of_task(task_id, "changes", task_id, after, wait_s, timeout_s=wait_s + TIMEOUT_S)
        return cast("Changes", answer)

    async def output(self, task_id: TaskId, step: StepId) -> JsonValue:
        """See `Gateway`."""
        return cast("JsonValue", await self._of_task(task_id, "output", task_id, step))

    async def preview(self, task: Task) -> Preview:
        """See `Gateway`."""
        decomposition_s = 0.0 if task.goal is None else self._decomposition_s
        timeout_s = decomposition_s + task.planning.time_limit_s + _PLANNING_MARGIN_S
        both = await self._of_shard(self._any, "preview", task, timeout_s=timeout_s)
        # The figures of a plan of thousands of steps take tens of milliseconds.
        return await asyncio.to_thread(preview, both)

    async def nodes(self) -> ClusterSnapshot:
        """See `Gateway`."""
        return cast("ClusterSnapshot", await self._of_shard(self._any, "nodes"))

    async def learner(self) -> dict[str, JsonValue]:
        """See `Gateway`."""
        return cast("dict[str, JsonValue]", await self._of_shard(self._any, "learner"))

    async def learner_versions(self) -> LearnerVersions:
        """See `Gateway`."""
        status = await self._of_learner(self._actors.call, "status")
        versions = await self._of_learner(self._actors.call, "versions")
        return LearnerVersions(in_use=status.version, versions=tuple(versions))

    async def learner_rollback(self, version: int | None) -> LearnerVersions:
        """See `Gateway`."""
        await self._of_learner(self._actors.change, "rollback", version)
        return await self.learner_versions()

    async def reload(self, catalog: Catalog) -> None:
        """See `Gateway`. Goes on if the request is cancelled: planner and shards are to have the same agents."""
        await to_its_end(self._reload(catalog))

    async def _reload(self, catalog: Catalog) -> None:
        await self._actors.change(PLANNER, "the planner", "reload", catalog)
        await asyncio.gather(*(self._changed_in(shard, "reload", catalog) for shard in range(self._shards)))

    async def catalog(self, known: str) -> Catalog | None:
        """See `Gateway`."""
        return cast("Catalog | None", await self._of_shard(self._any, "catalog", known))

    async def metrics(self) -> Sequence[str]:
        """See `Gateway`. A shard that does not answer is reported as down and does not hide the others."""
        calls = (self._of_shard(shard, "metrics", timeout_s=_SCRAPE_TIMEOUT_S) for shard in range(self._shards))
        planner = self._actors.call(PLANNER, "the planner", "metrics", timeout_s=_SCRAPE_TIMEOUT_S)
        plans, *shards = await asyncio.gather(planner, *calls, return_exceptions=True)
        up = [f'forerun_shard_up{{shard="{shard}"}} {int(isinstance(a, str))}' for shard, a in enumerate(shards)]
        states = [_SHARD_UP, *up, _PLANNER_UP, f"forerun_planner_up {int(isinstance(plans, str))}", ""]
        return [*(answer for answer in (*shards, plans) if isinstance(answer, str)), "\n".join(states)]

    async def ready(self) -> None:
        """See `Gateway`."""
        await asyncio.gather(self._planner.require(), self._of_all("ready", timeout_s=_READY_TIMEOUT_S))

    async def _of_task(self, task_id: TaskId, method: str, *arguments: Any, timeout_s: float = TIMEOUT_S) -> Any:
        return await self._of_shard(shard_of(task_id, self._shards), method, *arguments, timeout_s=timeout_s)

    async def _changed(self, task_id: TaskId, method: str, *arguments: Any, timeout_s: float = TIMEOUT_S) -> Any:
        return await self._changed_in(shard_of(task_id, self._shards), method, *arguments, timeout_s=timeout_s)

    async def _of_all(self, method: str, *arguments: Any, timeout_s: float = TIMEOUT_S) -> list[Any]:
        shards = range(self._shards)
        return await asyncio.gather(*(self._of_shard(n, method, *arguments, timeout_s=timeout_s) for n in shards))

    async def _of_shard(self, shard: int, method: str, *arguments: Any, timeout_s: float = TIMEOUT_S) -> Any:
        return await self._actors.call(shard_name(shard), _title(shard), method, *arguments, timeout_s=timeout_s)

    async def _changed_in(self, shard: int, method: str, *arguments: Any, timeout_s: float = TIMEOUT_S) -> Any:
        return await self._actors.change(shard_name(shard), _title(shard), method, *arguments, timeout_s=timeout_s)

    async def _of_learner(self, called: Callable[..., Awaitable[Any]], method: str, *arguments: Any) -> Any:
        if not self._learns:
            raise LearnerOff
        return await called(LEARNER, "the learner", method, *arguments)
