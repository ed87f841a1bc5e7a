"""What changes of a run as server-sent events: for pages that show it live, at a rate that people can follow."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from orchestrator.errors import Unavailable
from orchestrator.gateway.protocol import END_OF_EVENTS, Gateway
from planners.model import TaskId
from reconciler.views.models import Changes

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_LEAST_S = 0.25  # between two events, however much happens


async def change_stream(gateway: Gateway, task_id: TaskId, after: int, heartbeat_s: float) -> Response:
    """Stream what has changed after a sequence number, and what changes from now on.

    The first changes are read before the response starts, so that an unknown task becomes a problem document.
    """
    first = await gateway.changes(task_id, after, 0.0)
    if first.ended and first.seq <= after:
        return Response(status_code=204)
    chunks = _chunks(gateway, task_id, first, after, heartbeat_s)
    return StreamingResponse(chunks, media_type="text/event-stream", headers=_HEADERS)


async def _chunks(
    gateway: Gateway, task_id: TaskId, changes: Changes, after: int, heartbeat_s: float
) -> AsyncIterator[bytes]:
    # The first bytes make proxies forward the headers at once.
    yield format_sse_event(comment="forerun", retry=1000)
    seen: int | None = after or None  # None: nothing; a task of which nothing is recorded yet is shown too
    while True:
        if seen is None or changes.seq > seen or changes.ended:
            yield await asyncio.to_thread(_encoded, changes)
            seen = changes.seq
        if changes.ended:
            yield format_sse_event(event=END_OF_EVENTS, data_str="{}")
            return
        await asyncio.sleep(_LEAST_S)
        try:
            changes = await gateway.changes(task_id, seen, heartbeat_s)
        except Unavailable:
            return  # without the end event, clients reconnect and resume
        if changes.seq <= seen and not changes.ended:
            yield format_sse_event(comment="still running")


def _encoded(changes: Changes) -> bytes:
    return format_sse_event(id=str(changes.seq), event="changes", data_str=changes.model_dump_json())
