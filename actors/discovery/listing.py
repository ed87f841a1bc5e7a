"""What asking other servers has in common: a time limit, and an event loop of its own."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

LISTING_S = 60.0
_T = TypeVar("_T")


def asked(question: Coroutine[Any, Any, _T]) -> _T:
    """The answer. Blocks; works whether or not the caller has an event loop that runs.

    Raises:
        TimeoutError: it took longer than `LISTING_S`.
        Exception: whatever the question raises.
    """

    async def in_time() -> _T:
        async with asyncio.timeout(LISTING_S):
            return await question

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, in_time()).result()
