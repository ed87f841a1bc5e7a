"""What changes of a run as server-sent events: for pages that show it live, at a rate that people can follow."""

import asyncio

from fastapi import Response
from fastapi.sse import format_sse_event

from orchestrator.gateway.protocol import Gateway
from orchestrator.ingress.paged_stream import paged_stream
from planners.model import TaskId
from reconciler.views.models import Changes

_LEAST_S = 0.25  # between two events, however much happens


async def change_stream(gateway: Gateway, task_id: TaskId, after: int, heartbeat_s: float) -> Response:
    """Stream what has changed after a sequence number, and what changes from now on. See `paged_stream`."""
    first = await gateway.changes(task_id, after, 0.0)
    seen: int | None = after or None  # None: nothing; a task of which nothing is recorded yet is shown too

    async def told(changes: Changes) -> bytes:
        nonlocal seen
        # The view changes once more when a run has ended, without another fact.
        has_just_ended = changes.ended and changes is not first
        if seen is not None and changes.seq <= seen and not has_just_ended:
            return b""
        seen = changes.seq
        return await asyncio.to_thread(_encoded, changes)

    async def following(changes: Changes) -> Changes:
        await asyncio.sleep(_LEAST_S)
        return await gateway.changes(task_id, changes.seq, heartbeat_s)

    return await paged_stream(first, told, following)


def _encoded(changes: Changes) -> bytes:
    return format_sse_event(id=str(changes.seq), event="changes", data_str=changes.model_dump_json())
