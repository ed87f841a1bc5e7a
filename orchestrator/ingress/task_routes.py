"""Routes about tasks: submit, plan, list, show, cancel, plans, timeline, outputs, events."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import StringConstraints

from orchestrator.batch_answer import BatchAnswer
from orchestrator.gateway.protocol import LimitsChange, Preview, Resolution, StepAnswer
from orchestrator.gateway.task_ids import TASK_ID_PATTERN
from orchestrator.ingress.batches import TaskBatch, submit_batch
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.event_stream import event_stream
from orchestrator.ingress.openapi_examples import ANSWERS, LIMITS, RESOLUTIONS, TASKS
from orchestrator.ingress.protocols import EventForm, ag_ui_events
from orchestrator.ingress.query_names import ClosedQueryRoute
from orchestrator.ingress.request_bodies import body_schema, json_body
from orchestrator.ingress.responses import problems, sent, sent_large
from planners.model import StepId, TaskId
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.views.models import FailuresView, PlansView, TaskFilter, TaskPage, TaskView, Timeline

_read_task = json_body(Task)
_Submitted = Annotated[Task, Depends(_read_task)]
_TASK_BODY = body_schema(Task, TASKS)
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A repeated request with the same key and task returns the first task",
    ),
]
# The largest integer that databases store.
_MAX_SEQ = 2**63 - 1
_Step = Annotated[str, Path(max_length=300, description="The step's id")]
_Resolved = Annotated[Resolution, Depends(json_body(Resolution))]
_Batch = Annotated[TaskBatch, Depends(json_body(TaskBatch))]
_Wait = Annotated[
    float,
    Query(
        ge=0,
        allow_inf_nan=False,
        description="Answer once the task has ended, but no later than after this many seconds",
    ),
]
_Answered = Annotated[StepAnswer, Depends(json_body(StepAnswer))]
_Limits = Annotated[LimitsChange, Depends(json_body(LimitsChange))]
_Label = Annotated[str, StringConstraints(max_length=601, pattern=r"^[A-Za-z0-9._/-]+=")]
_Id = Annotated[str, Path(max_length=100, description="The task's id")]

_LAST_EVENT = Header(alias="Last-Event-ID", max_length=20, description="The id of the last event that was received")


def routes(context: IngressContext) -> APIRouter:
    """The routes over a gateway."""
    router = APIRouter(prefix="/v1", tags=["tasks"], route_class=ClosedQueryRoute)
    _submission(router, context)
    _retries(router, context)
    _batches(router, context)
    _answers(router, context)
    _lists(router, context)
    _queries(router, context)
    _results(router, context)
    return router


def _submission(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway

    max_wait_s = context.settings.http.max_wait_s

    @router.post(
        "/tasks",
        summary="Submit a task",
        status_code=202,
        response_model=TaskView,
        responses={
            200: {"model": TaskView, "description": "The task has ended"},
            **problems(400, 409, 413, 415, 422, 429, 503),
        },
        openapi_extra=_TASK_BODY,
    )
    async def submit_task(request: Request, idempotency_key: _Key = None, wait_s: _Wait = 0.0) -> Response:
        """Submit a task. It is durable when this answers. The header Location is its URL.

        With ``wait_s`` the answer is the task once it has ended (status 200).
        """
        task = await _read_task(request)  # not as a dependency, which costs 0.2 ms a request
        view = await gateway.submit(await context.admit(task, idempotency_key), min(wait_s, max_wait_s))
        status = 200 if wait_s > 0 and view.status.ended else 202
        return sent(view, status, {"Location": f"/v1/tasks/{view.id}"})

    @router.post(
        "/plans",
        summary="Plan a task without running it",
        response_model=Preview,
        responses=problems(400, 413, 415, 422, 502, 503),
        openapi_extra=_TASK_BODY,
    )
    async def plan_task(task: _Submitted) -> Response:
        """Make both plans of a task and the verdicts, without running it."""
        return await sent_large(await gateway.preview(await context.checked(task)))

    @router.delete("/tasks/{task_id}", summary="Cancel a task", response_model=TaskView, responses=problems(404, 503))
    async def cancel_task(
        task_id: _Id, reason: Annotated[str, Query(max_length=500, description="Recorded with the task")] = ""
    ) -> Response:
        """Cancel a task. A task that has ended is returned unchanged."""
        return sent(await gateway.cancel(TaskId(task_id), reason or "cancelled over HTTP"))


def _retries(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway

    @router.post(
        "/tasks/{task_id}:retry",
        summary="Run an ended task again",
        status_code=202,
        response_model=TaskView,
        responses=problems(404, 409, 422, 429, 503),
    )
    async def retry_task(
        task_id: _Id,
        from_step: Annotated[
            str | None, Query(max_length=300, description="Run this step and everything behind it again")
        ] = None,
        idempotency_key: _Key = None,
    ) -> Response:
        """Run an ended task again, as a new task. Finished work is kept; an act that has happened is never repeated."""
        task = await gateway.retried(TaskId(task_id), None if from_step is None else StepId(from_step))
        view = await gateway.submit(await context.admit(task, idempotency_key))
        return sent(view, 202, {"Location": f"/v1/tasks/{view.id}"})


def _batches(router: APIRouter, context: IngressContext) -> None:
    @router.post(
        "/tasks:batch",
        summary="Submit many tasks",
        response_model=BatchAnswer,
        responses=problems(400, 413, 415, 422, 503),
        openapi_extra=body_schema(TaskBatch),
    )
    async def submit_tasks(batch: _Batch, idempotency_key: _Key = None) -> Response:
        """Submit many tasks. The answer holds each one's view, or the problem that refused it, in the same order."""
        return sent(await submit_batch(context, batch, idempotency_key))


def _answers(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway

    @router.post(
        "/tasks/{task_id}/approvals/{step:path}",
        summary="Answer an approval or a callback",
        response_model=TaskView,
        responses=problems(400, 404, 409, 413, 415, 422, 503),
        openapi_extra=body_schema(StepAnswer, ANSWERS),
    )
    async def answer_step(task_id: _Id, step: _Step, answer: _Answered) -> Response:
        """Approve or reject what a step asks, or send what a callback waits for. The task then goes on."""
        return sent(await gateway.answer(TaskId(task_id), StepId(step), answer))

    @router.post(
        "/tasks/{task_id}/resolutions/{step:path}",
        summary="Resolve a step in doubt",
        response_model=TaskView,
        responses=problems(400, 404, 409, 413, 415, 422, 503),
        openapi_extra=body_schema(Resolution, RESOLUTIONS),
    )
    async def resolve_step(task_id: _Id, step: _Step, resolution: _Resolved) -> Response:
        """Say whether the irreversible act of a step in doubt has happened. The task then goes on."""
        return sent(await gateway.resolve(TaskId(task_id), StepId(step), resolution))

    @router.post(
        "/tasks/{task_id}/limits",
        summary="Raise the limits of a task",
        response_model=TaskView,
        responses=problems(400, 404, 409, 413, 415, 422, 503),
        openapi_extra=body_schema(LimitsChange, LIMITS),
    )
    async def change_limits(task_id: _Id, change: _Limits) -> Response:
        """Raise budget or deadline of a task, or say how it ends where it asks about them."""
        return sent(await gateway.change_limits(TaskId(task_id), change))


def _lists(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway

    @router.get("/tasks", summary="List tasks", response_model=TaskPage, responses=problems(422, 503))
    async def list_tasks(
        limit: Annotated[int, Query(ge=1, le=500, description="Tasks of a page")] = 50,
        before: Annotated[
            str | None, Query(max_length=100, pattern=TASK_ID_PATTERN, description="`next_before` of the previous page")
        ] = None,
        status: Annotated[RunStatus | None, Query(description="Only tasks with this status")] = None,
        text: Annotated[str, Query(max_length=200, description="A part of the name, the kind or the id")] = "",
        label: Annotated[
            list[_Label] | None, Query(max_length=32, description="A label that tasks must have, as `key=value`")
        ] = None,
    ) -> Response:
        """Tasks, newest first."""
        labels = dict(pair.split("=", 1) for pair in label or ())
        return sent(await gateway.list_tasks(limit, before, TaskFilter(status=status, text=text, labels=labels)))


def _queries(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway
    max_wait_s = context.settings.http.max_wait_s

    @router.get(
        "/tasks/{task_id}",
        summary="Show a task, or wait for its end",
        response_model=TaskView,
        responses=problems(404, 503),
    )
    async def show_task(
        task_id: _Id,
        wait_s: _Wait = 0.0,
    ) -> Response:
        """A task as it is now, or once it has ended."""
        if wait_s > 0:
            return sent(await gateway.wait(TaskId(task_id), min(wait_s, max_wait_s)))
        return sent(await gateway.read(TaskId(task_id), TaskView))

    @router.get(
        "/tasks/{task_id}/plans",
        summary="Show both plans and the verdicts",
        response_model=PlansView,
        responses=problems(404, 503),
    )
    async def show_plans(task_id: _Id) -> Response:
        """The speculative and the optimal plan, their similarity, and the verdicts."""
        return await sent_large(await gateway.read(TaskId(task_id), PlansView))

    @router.get(
        "/tasks/{task_id}/timeline", summary="Show all attempts", response_model=Timeline, responses=problems(404, 503)
    )
    async def show_timeline(task_id: _Id) -> Response:
        """All attempts: step, agent, node, times and verdict."""
        return await sent_large(await gateway.read(TaskId(task_id), Timeline))

    @router.get(
        "/tasks/{task_id}/failures",
        summary="Show the latest failures",
        response_model=FailuresView,
        responses=problems(404, 503),
    )
    async def show_failures(task_id: _Id) -> Response:
        """The latest failed attempts, retried ones included: exceptions, line of code, inputs, traceback, stderr."""
        return await sent_large(await gateway.read(TaskId(task_id), FailuresView))


def _results(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway

    @router.get(
        "/tasks/{task_id}/outputs/{step:path}", summary="Show the output of a step", responses=problems(404, 409, 503)
    )
    async def show_output(task_id: _Id, step: _Step) -> Response:
        """The output of a finished step, as JSON."""
        value = await gateway.output(TaskId(task_id), StepId(step))
        return Response(json.dumps(value, ensure_ascii=False), media_type="application/json")

    @router.get(
        "/tasks/{task_id}/events",
        summary="Follow the recorded events",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {}}, "description": "Events as they happen, until the run ends"},
            204: {"description": "The run has ended and no event is left: do not reconnect"},
            **problems(404, 503),
        },
    )
    async def follow_events(
        task_id: _Id,
        last_event_id: Annotated[str | None, _LAST_EVENT] = None,
        after: Annotated[
            int, Query(ge=0, le=_MAX_SEQ, description="Like Last-Event-ID, for clients that cannot send headers")
        ] = 0,
        form: Annotated[
            EventForm, Query(alias="format", description="`ag-ui`: events of AG-UI, from the beginning of the run")
        ] = EventForm.FORERUN,
    ) -> Response:
        """Server-sent events. ``id`` counts from 1; to resume, send the last one as Last-Event-ID."""
        if form is EventForm.AG_UI:
            return await ag_ui_events(gateway, TaskId(task_id), context.settings.http.heartbeat_s)
        seen = int(last_event_id) if last_event_id is not None and last_event_id.isdecimal() else after
        return await event_stream(gateway, TaskId(task_id), min(seen, _MAX_SEQ), context.settings.http.heartbeat_s)
