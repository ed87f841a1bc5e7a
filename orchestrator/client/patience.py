"""Submissions are sent again while a part of the service does not answer for a moment, or after an answer was lost."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from uuid import uuid4

import httpx
from pydantic import ValidationError

from orchestrator.batch_answer import BatchAnswer
from orchestrator.client.errors import Busy, Unreachable, refusal
from reconciler.views.models import TaskView

# A shard that restarts is back after a few seconds.
PATIENCE_S = 10.0
# Pauses before a connection that was lost is resumed. On a busy machine, a shard that restarts imports for 10 to 20 s.
RESUME_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
_LEAST_S, _MOST_S = 0.2, 2.0  # pauses where the service does not say how long to wait
# A connection that ends before the answer is there: the process at its other end has died.
_LOST = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


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
    """The response; while a part ``is_away``, or after an answer was lost, that to the next request.

    That goes on for `PATIENCE_S` at most. The pauses are those that the service asks for. Where it does not ask, as in
    the answer to a batch, they grow. A full queue (429) is the caller's to handle.

    Raises:
        httpx.TransportError: there is no service, or it stays away.
    """
    clock, own_s = asyncio.get_running_loop().time, _LEAST_S
    until_s = float("inf")  # counts from the first trouble: the first answer may come late
    is_there = False
    while True:
        pause_s, lost, response = own_s, None, None
        try:
            response = await send()
        except (*_LOST, httpx.ConnectError) as error:
            # Whoever refuses the first connection is no service that is being restarted.
            if not is_there and isinstance(error, httpx.ConnectError):
                raise
            lost = error
        if response is not None and not is_away(response):
            return response
        is_there = True
        refused = refusal(response) if response is not None and response.is_error else None
        if isinstance(refused, Busy):
            pause_s = max(_LEAST_S, refused.retry_after_s)
        else:
            own_s = min(2 * own_s, _MOST_S)
        until_s = min(until_s, clock() + PATIENCE_S)
        if clock() + pause_s > until_s:
            if response is None:
                assert lost is not None
                raise lost
            return response
        await asyncio.sleep(pause_s)


async def until_ended(look: Callable[[float], Awaitable[TaskView]], timeout_s: float | None, poll_s: float) -> TaskView:
    """A task once it has ended or needs somebody to resolve it, or as it is after ``timeout_s`` seconds.

    Args:
        look: the task once it has ended, or as it is after so many seconds.
        timeout_s: None: wait for as long as it takes.
        poll_s: how long one look may take.

    Raises:
        Busy, Unreachable: the service was away for longer than a restart takes, or was never there.
    """
    clock = asyncio.get_running_loop().time
    until_s = float("inf") if timeout_s is None else clock() + timeout_s
    pauses, is_there = iter(RESUME_S), False
    while True:
        try:
            view = await look(max(0.0, min(poll_s, until_s - clock())))
        except (Busy, Unreachable) as error:
            is_there = is_there or isinstance(error, Busy) or isinstance(error.__context__, _LOST)
            pause_s = next(pauses, None)
            if pause_s is None or not is_there or clock() + pause_s > until_s:
                raise
            await asyncio.sleep(pause_s)
            continue
        if view.status.ended or view.needs_resolution or clock() >= until_s:
            return view
        pauses, is_there = iter(RESUME_S), True
