"""Submissions are sent again while a part of the service does not answer for a moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from uuid import uuid4

import httpx

from orchestrator.client.errors import Busy, refusal

# A shard that restarts is back after a few seconds.
PATIENCE_S = 10.0
_LEAST_S = 0.2


def keyed(idempotency_key: str | None) -> dict[str, str]:
    """The header by which the service knows a submission that is sent again; a key of its own where none is given."""
    return {"Idempotency-Key": idempotency_key or uuid4().hex}


async def patiently(send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The response; while it is 503, that to the next request, for `PATIENCE_S` at most.

    The pauses are those that the service asks for. A full queue (429) is the caller's to handle.
    """
    until_s = time.monotonic() + PATIENCE_S
    while True:
        response = await send()
        if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
            return response
        refused = refusal(response)
        pause_s = max(_LEAST_S, refused.retry_after_s) if isinstance(refused, Busy) else _LEAST_S
        if time.monotonic() + pause_s > until_s:
            return response
        await asyncio.sleep(pause_s)
