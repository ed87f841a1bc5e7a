"""A run's events as server-sent events, which can be resumed."""

import asyncio

from fastapi import Response
from fastapi.sse import format_sse_event

from orchestrator.gateway.protocol import Gateway
from orchestrator.ingress.paged_stream import paged_stream
from planners.model import TaskId
from reconciler.views.models import EventPage

# Pages of more events are turned into text in a thread.
_INLINE_EVENTS = 100


async def event_stream(gateway: Gateway, task_id: TaskId, after: int, heartbeat_s: float) -> Response:
    """Stream the events after a sequence number as they happen. See `paged_stream`."""

    async def following(page: EventPage) -> EventPage:
        nonlocal after
        after = page.events[-1].seq if page.events else after
        return await gateway.events(task_id, after, heartbeat_s)

    return await paged_stream(await gateway.events(task_id, after, 0.0), _told, following)


async def _told(page: EventPage) -> bytes:
    return _encoded(page) if len(page.events) <= _INLINE_EVENTS else await asyncio.to_thread(_encoded, page)


def _encoded(page: EventPage) -> bytes:
    return b"".join(
        format_sse_event(id=str(event.seq), event=event.kind, data_str=event.json_text()) for event in page.events
    )
