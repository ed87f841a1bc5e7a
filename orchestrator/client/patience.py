"""Submissions are sent again while a part of the service does not answer for a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from uuid import uuid4

import httpx
from pydantic import ValidationError

from orchestrator.batch_answer import BatchAnswer
from orchestrator.client.errors import Busy, refusal

# A shard that restarts is back after a few seconds.
PATIENCE_S = 10.0
_LEAST_S, _MOST_S = 0.2, 2.0  # pauses where the service does not say how long to wait


def keyed(idempotency_key: str | None) -> dict[str, str]:
    """The header by which the service knows a submission that is sent again; a key of its own where none is given."""
    return {"Idempotency-Key": idempotency_key or uuid4().hex}


def is_away(response: httpx.Response) -> bool:
    """Whether a part of the service did not answer."""
    return response.status_code == HTTPStatus.SERVICE_UNAVAILABLE


def is_partly_away(response: httpx.Response) -> bool:
    """Whether it did not for some tasks of a batch at least."""
    if response.is_error:
        return is_away(response)
    try:
        items = BatchAnswer.model_validate_json(response.content).items
    except ValidationError:
        return False  # this is not a Forerun service, as the caller will find too
    return any(item.problem is not None and item.problem.status == HTTPStatus.SERVICE_UNAVAILABLE for item in items)


async def patiently(
    send: Callable[[], Awaitable[httpx.Response]], is_away: Callable[[httpx.Response], bool]
) -> httpx.Response:
    """The response; while a part ``is_away``, that to the next request, for `PATIENCE_S` at most.

    The pauses are those that the service asks for. Where it does not ask, as in the answer to a batch, they grow. A
    full queue (429) is the caller's to handle.
    """
    clock, own_s = asyncio.get_running_loop().time, _LEAST_S
    until_s = clock() + PATIENCE_S
    while True:
        response = await send()
        if not is_away(response):
            return response
        refused = refusal(response) if response.is_error else None
        if isinstance(refused, Busy):
            pause_s = max(_LEAST_S, refused.retry_after_s)
        else:
            pause_s, own_s = own_s, min(2 * own_s, _MOST_S)
        if clock() + pause_s > until_s:
            return response
        await asyncio.sleep(pause_s)
