"""A run's events as server-sent events: resumable, with heartbeats, until the run ends."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from orchestrator.errors import Unavailable
from orchestrator.gateway.protocol import END_OF_EVENTS, Gateway
from planners.model import TaskId
from reconciler.views.models import EventPage

# Pages of more events are turned into text in a thread.
_INLINE_EVENTS = 100
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def event_stream(gateway: Gateway, task_id: TaskId, after: int, heartbeat_s: float) -> Response:
    """Stream the events after a sequence number as they happen.

    The first page is read before the response starts, so that an unknown task becomes a problem document. If the run
    has ended and no event is left, answer 204, which tells a browser's EventSource not to reconnect.
    """
    first = await gateway.events(task_id, after, 0.0)
    if first.ended and not first.events:
        return Response(status_code=204)
    chunks = _chunks(gateway, task_id, first, after, heartbeat_s)
    return StreamingResponse(chunks, media_type="text/event-stream", headers=STREAM_HEADERS)


async def _chunks(
    gateway: Gateway, task_id: TaskId, page: EventPage, after: int, heartbeat_s: float
) -> AsyncIterator[bytes]:
    # The first bytes make proxies forward the headers at once.
    yield format_sse_event(comment="forerun", retry=1000)
    while True:
        if page.events:
            yield _encoded(page) if len(page.events) <= _INLINE_EVENTS else await asyncio.to_thread(_encoded, page)
            after = page.events[-1].seq
        if page.ended:
            yield format_sse_event(event=END_OF_EVENTS, data_str="{}")
            return
        try:
            page = await gateway.events(task_id, after, heartbeat_s)
        except Unavailable:
            return  # without the end event, clients reconnect and resume
        if not page.events and not page.ended:
            yield format_sse_event(comment="still running")


def _encoded(page: EventPage) -> bytes:
    return b"".join(
        format_sse_event(id=str(event.seq), event=event.kind, data_str=event.json_text()) for event in page.events
    )
