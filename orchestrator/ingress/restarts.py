"""Requests of protocols that cannot be resumed wait for a shard that is being restarted: the tasks outlive that."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from orchestrator.errors import Unavailable
from reconciler.errors import JournalUnavailable, StartingUp

_Answer = TypeVar("_Answer")
# What is told of a shard that is being restarted, and of one that lacks its database for a while.
AWAY = (Unavailable, StartingUp, JournalUnavailable)
# A shard that restarts is back after a few seconds; on a busy machine it imports for 10 to 20 s.
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0, 10.0)


async def through_restarts(ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """The answer to a question; if the shard is away, to the same one when it is back.

    Raises:
        Unavailable, StartingUp, JournalUnavailable: it is away for longer than a restart takes.
    """
    for pause_s in _PAUSES_S:
        try:
            return await ask()
        except AWAY:
            await asyncio.sleep(pause_s)
    return await ask()
