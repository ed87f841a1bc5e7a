"""Routes that show one run to people: its graph, one step, what has changed, and its trace for trace viewers."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from orchestrator.ingress.change_stream import change_stream
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.query_names import ClosedQueryRoute
from orchestrator.ingress.responses import problems, sent, sent_large
from planners.model import StepId, TaskId
from planners.speculative.plan_advice import PlanAdvice
from reconciler.views.context import ContextView
from reconciler.views.graph import RunGraph
from reconciler.views.models import TaskView, Timeline
from reconciler.views.step_view import StepView
from reconciler.views.trace import RunTrace, run_trace

# The largest integer that databases store.
_MAX_SEQ = 2**63 - 1
_Id = Annotated[str, Path(max_length=100, description="The task's id")]
_Step = Annotated[str, Path(max_length=300, description="The step's id")]

_LAST_EVENT = Header(alias="Last-Event-ID", max_length=20, description="The id of the last event that was received")


def routes(context: IngressContext) -> APIRouter:
    """The routes over a gateway."""
    router = APIRouter(prefix="/v1/tasks/{task_id}", tags=["tasks"], route_class=ClosedQueryRoute)
    _snapshots(router, context)
    _changes(router, context)
    return router


def _snapshots(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway

    @router.get("/graph", summary="Show both plans as one graph", response_model=RunGraph, responses=problems(404, 503))
    async def show_graph(task_id: _Id) -> Response:
        """Both plans as one graph: every step once, how the plans differ in it, and the steps it depends on."""
        return await sent_large(await gateway.read(TaskId(task_id), RunGraph))

    @router.get(
        "/context",
        summary="Show what steps have written to the context",
        response_model=ContextView,
        responses=problems(404, 503),
    )
    async def show_context(task_id: _Id) -> Response:
        """What the steps of the task have written to its context, version by version."""
        return await sent_large(await gateway.read(TaskId(task_id), ContextView))

    @router.get(
        "/advice",
        summary="Show what would make the plan cheaper or shorter",
        response_model=PlanAdvice,
        responses=problems(404, 503),
    )
    async def show_advice(task_id: _Id) -> Response:
        """Cheaper agents where the plan has slack, what would shorten it, and how probable branches of routes are."""
        return sent(await gateway.read(TaskId(task_id), PlanAdvice))

    @router.get("/steps/{step:path}", summary="Show one step", response_model=StepView, responses=problems(404, 503))
    async def show_step(task_id: _Id, step: _Step) -> Response:
        """One step: inputs, placements, attempts, the gate's decision, and why it waits."""
        return sent(await gateway.step(TaskId(task_id), StepId(step)))

    @router.get("/trace", summary="Download the run as a trace", response_model=RunTrace, responses=problems(404, 503))
    async def show_trace(task_id: _Id) -> Response:
        """The run in the Trace Event Format: open it at ui.perfetto.dev or in chrome://tracing."""
        view, timeline = await asyncio.gather(
            gateway.read(TaskId(task_id), TaskView), gateway.read(TaskId(task_id), Timeline)
        )
        trace = await asyncio.to_thread(run_trace, view, timeline)
        return await sent_large(trace, headers={"Content-Disposition": f'attachment; filename="{view.id}.trace.json"'})


def _changes(router: APIRouter, context: IngressContext) -> None:
    gateway, heartbeat_s = context.gateway, context.settings.http.heartbeat_s

    @router.get(
        "/changes",
        summary="Follow what changes",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {}}, "description": "Changes as they happen, until the run ends"},
            204: {"description": "The run has ended and all of it was seen: do not reconnect"},
            **problems(404, 503),
        },
    )
    async def follow_changes(
        task_id: _Id,
        last_event_id: Annotated[str | None, _LAST_EVENT] = None,
        after: Annotated[int, Query(ge=0, le=_MAX_SEQ, description="Like Last-Event-ID; 0: everything")] = 0,
    ) -> Response:
        """Server-sent events: the task's view and the attempts that have changed, a few times a second at most.

        The data of an event `changes` has the form of `Changes`: attempts replace those of the same id. To resume, send
        the last ``id`` as Last-Event-ID.
        """
        seen = int(last_event_id) if last_event_id is not None and last_event_id.isdecimal() else after
        return await change_stream(gateway, TaskId(task_id), min(seen, _MAX_SEQ), heartbeat_s)
