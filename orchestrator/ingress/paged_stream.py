"""Server-sent events about a run: what there is, then what comes, with heartbeats, until the run ends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from fastapi import Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from orchestrator.gateway.protocol import END_OF_EVENTS
from orchestrator.ingress.restarts import AWAY

STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Page(Protocol):
    """What was read of a run at once."""

    @property
    def ended(self) -> bool:
        """Whether the run has ended and nothing follows."""
        ...


_Page = TypeVar("_Page", bound=Page)


async def paged_stream(
    first: _Page, told: Callable[[_Page], Awaitable[bytes]], following: Callable[[_Page], Awaitable[_Page]]
) -> Response:
    """Stream pages as they come.

    If the run has ended and the first page tells nothing, answer 204: a browser's EventSource does not reconnect then.

    Args:
        first: read before the response starts, so that an unknown task becomes a problem document.
        told: the events of a page; empty if it tells nothing new.
        following: waits for the page behind one, and gives it back without news after a heartbeat.
    """
    events = await told(first)
    if first.ended and not events:
        return Response(status_code=204)
    chunks = _chunks(first, events, told, following)
    return StreamingResponse(chunks, media_type="text/event-stream", headers=STREAM_HEADERS)


async def _chunks(
    page: _Page,
    events: bytes,
    told: Callable[[_Page], Awaitable[bytes]],
    following: Callable[[_Page], Awaitable[_Page]],
) -> AsyncIterator[bytes]:
    # The first bytes make proxies forward the headers at once.
    yield format_sse_event(comment="forerun", retry=1000)
    while True:
        if events:
            yield events
        if page.ended:
            yield format_sse_event(event=END_OF_EVENTS, data_str="{}")
            return
        try:
            page = await following(page)
        except AWAY:
            return  # without the end event, clients reconnect and resume
        events = await told(page)
        if not events and not page.ended:
            yield format_sse_event(comment="still running")
