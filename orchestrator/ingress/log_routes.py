"""Routes about what attempts print and log: pages, and a stream."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from orchestrator.gateway.protocol import Gateway
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.paged_stream import paged_stream
from orchestrator.ingress.query_names import ClosedQueryRoute
from orchestrator.ingress.responses import problems, sent
from planners.model import AttemptId, StepId, TaskId
from reconciler.views.logs import MAX_LINES, LogLevel, LogPage, LogQuery

_Id = Annotated[str, Path(max_length=100, description="The task's id")]
# The largest integer that databases store.
_MAX_SEQ = 2**63 - 1
# Lines in one message of a stream's source; a larger page would hold up others.
_STREAM_LINES = 500

_LAST_EVENT = Header(alias="Last-Event-ID", max_length=20, description="The id of the last event that was received")


def _filter(
    step: Annotated[
        str | None, Query(max_length=300, description="Only lines of this step, or of steps inside it")
    ] = None,
    attempt: Annotated[str | None, Query(max_length=300, description="Only lines of this attempt")] = None,
    level: Annotated[LogLevel, Query(description="Only lines that are at least this severe")] = LogLevel.DEBUG,
    after: Annotated[int, Query(ge=0, le=_MAX_SEQ, description="Only lines behind this number")] = 0,
) -> LogQuery:
    return LogQuery(
        step=None if step is None else StepId(step),
        attempt=None if attempt is None else AttemptId(attempt),
        level=level,
        after=after,
    )


_Filter = Annotated[LogQuery, Depends(_filter)]


def routes(context: IngressContext) -> APIRouter:
    """The routes over a gateway."""
    router = APIRouter(prefix="/v1", tags=["tasks"], route_class=ClosedQueryRoute)
    gateway, http = context.gateway, context.settings.http

    @router.get(
        "/tasks/{task_id}/logs",
        summary="Show what attempts print and log",
        response_model=LogPage,
        responses=problems(404, 503),
    )
    async def show_logs(
        task_id: _Id,
        query: _Filter,
        limit: Annotated[int, Query(ge=1, le=MAX_LINES, description="At most so many lines")] = 500,
        tail: Annotated[bool, Query(description="The last lines instead of the first ones")] = False,  # noqa: FBT002 - a query parameter
        wait_s: Annotated[
            float, Query(ge=0, allow_inf_nan=False, description="Wait for a first line, at most so many seconds")
        ] = 0.0,
    ) -> Response:
        """What the attempts of a task have printed and logged. For the next page, send ``next_after`` as ``after``."""
        asked = query.model_copy(update={"limit": limit, "tail": tail})
        return sent(await gateway.logs(TaskId(task_id), asked, min(wait_s, http.max_wait_s)))

    @router.get(
        "/tasks/{task_id}/logs/stream",
        summary="Follow what attempts print and log",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {}}, "description": "Lines as they come, until the run ends"},
            204: {"description": "The run has ended and no line is left: do not reconnect"},
            **problems(404, 503),
        },
    )
    async def follow_logs(
        task_id: _Id,
        query: _Filter,
        last_event_id: Annotated[str | None, _LAST_EVENT] = None,
    ) -> Response:
        """Server-sent events, one a line. ``id`` is ``seq``; to resume, send the last one as Last-Event-ID."""
        resumed = last_event_id is not None and last_event_id.isdecimal()
        after = min(int(last_event_id), _MAX_SEQ) if last_event_id is not None and resumed else query.after
        asked = query.model_copy(update={"after": after, "limit": _STREAM_LINES})
        return await _log_stream(gateway, TaskId(task_id), asked, http.heartbeat_s)

    return router


async def _log_stream(gateway: Gateway, task_id: TaskId, query: LogQuery, heartbeat_s: float) -> Response:
    """Stream lines as they come. See `paged_stream`."""

    async def told(page: LogPage) -> bytes:
        return b"".join(
            format_sse_event(id=str(line.seq), event="line", data_str=line.model_dump_json()) for line in page.lines
        )

    async def following(page: LogPage) -> LogPage:
        return await gateway.logs(task_id, query.model_copy(update={"after": page.next_after}), heartbeat_s)

    return await paged_stream(await gateway.logs(task_id, query, 0.0), told, following)
