"""Routes of tasks: submit, look, wait, cancel, and what became of each."""

import json
from typing import Annotated

from fastapi import APIRouter, Body, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from orchestrator.gateway.protocol import Preview
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.event_stream import event_stream
from orchestrator.ingress.openapi_examples import TASKS
from orchestrator.ingress.request_bodies import JsonRoute
from orchestrator.ingress.responses import problems, sent
from planners.model import StepId, TaskId
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.views.models import PlansView, TaskPage, TaskView, Timeline

_Submitted = Annotated[Task, Body(openapi_examples=TASKS)]
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key with the same task gives the same task back, however often it is sent",
    ),
]
# As databases count.
_MOST_SEEN = 2**63 - 1
_Id = Annotated[str, Path(max_length=100, description="The task's id")]


def routes(context: IngressContext) -> APIRouter:
    """The routes over one gateway."""
    router = APIRouter(prefix="/v1", tags=["tasks"], route_class=JsonRoute)
    _submitting(router, context)
    _looking(router, context)
    _following(router, context)
    return router


def _submitting(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway

    @router.post("/tasks", status_code=202, response_model=TaskView, responses=problems(400, 409, 413, 422, 429, 503))
    async def submit_task(task: _Submitted, idempotency_key: _Key = None) -> Response:
        """Take a task on. It is durable when this answers; Location says where to look."""
        view = await gateway.submit(await context.admit(task, idempotency_key))
        return sent(view, 202, {"Location": f"/v1/tasks/{view.id}"})

    @router.post("/plans", response_model=Preview, responses=problems(400, 413, 422, 502, 503))
    async def plan_task(task: _Submitted) -> Response:
        """Both plans of a task and what would be committed, without running anything."""
        await context.refuse_flaws(task)
        return sent(await gateway.preview(task))

    @router.delete("/tasks/{task_id}", response_model=TaskView, responses=problems(404, 503))
    async def cancel_task(
        task_id: _Id, reason: Annotated[str, Query(max_length=500, description="Shown with the task")] = ""
    ) -> Response:
        """End a run. One that has ended stays as it is."""
        return sent(await gateway.cancel(TaskId(task_id), reason or "cancelled over HTTP"))


def _looking(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway
    max_wait_s = context.settings.http.max_wait_s

    @router.get("/tasks", response_model=TaskPage, responses=problems(422, 503))
    async def list_tasks(
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[str | None, Query(max_length=100, description="next_before of the page before")] = None,
        status: RunStatus | None = None,
    ) -> Response:
        """Tasks, newest first."""
        return sent(await gateway.list_tasks(limit, before, status))

    @router.get("/tasks/{task_id}", response_model=TaskView, responses=problems(404, 503))
    async def show_task(
        task_id: _Id,
        wait_s: Annotated[
            float, Query(ge=0, description="Answer when the task has ended, after so many seconds at the latest")
        ] = 0.0,
    ) -> Response:
        """A task as it is, or as it is when it has ended."""
        if wait_s > 0:
            return sent(await gateway.wait(TaskId(task_id), min(wait_s, max_wait_s)))
        return sent(await gateway.show(TaskId(task_id)))

    @router.get("/tasks/{task_id}/plans", response_model=PlansView, responses=problems(404, 503))
    async def show_plans(task_id: _Id) -> Response:
        """The guess, the plan of authority, how alike they are, and the verdicts."""
        return sent(await gateway.plans(TaskId(task_id)))

    @router.get("/tasks/{task_id}/timeline", response_model=Timeline, responses=problems(404, 503))
    async def show_timeline(task_id: _Id) -> Response:
        """Every attempt: what, by whom, where, when, and what became of it."""
        return sent(await gateway.timeline(TaskId(task_id)))


def _following(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway

    @router.get("/tasks/{task_id}/outputs/{step:path}", responses=problems(404, 409, 503))
    async def show_output(task_id: _Id, step: Annotated[str, Path(max_length=300)]) -> Response:
        """What a finished step gave, as JSON."""
        value = await gateway.output(TaskId(task_id), StepId(step))
        return Response(json.dumps(value, ensure_ascii=False), media_type="application/json")

    @router.get(
        "/tasks/{task_id}/events",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {}}, "description": "Events as they happen; ends with the run"},
            204: {"description": "The run has ended and all its events were seen: do not come back"},
            **problems(404, 503),
        },
    )
    async def follow_events(
        task_id: _Id,
        last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=20)] = None,
        after: Annotated[
            int, Query(ge=0, le=_MOST_SEEN, description="Like Last-Event-ID, for those who cannot send headers")
        ] = 0,
    ) -> Response:
        """Server-sent events. ``id`` counts from 1; send the last one seen as Last-Event-ID to resume."""
        seen = int(last_event_id) if last_event_id is not None and last_event_id.isdecimal() else after
        return await event_stream(gateway, TaskId(task_id), min(seen, _MOST_SEEN), context.settings.http.heartbeat_s)
