"""Gives calls that wait at the same time to one callable together."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context as Variables
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

from actors.errors import BadOutput
from actors.failures import is_being_cancelled


@dataclass(eq=False, slots=True)
class _Waiting:
    """One call: its arguments, where its result goes, and since when it has waited."""

    arguments: Mapping[str, Any]
    result: asyncio.Future[Any]
    since_s: float


class Batches:
    """Calls a callable with lists: one value for each call, under each name. One batch at a time.

    A batch goes when it is full, or when its first call has waited for ``max_wait_s``. Calls that arrive while a batch
    is worked on make up the next one. If a batch of several calls fails, each of them is called alone, so that only
    the wrong one fails. An async callable is cancelled when the last call of its batch is: else one that stalls would
    keep all later calls waiting. Lives on one event loop; a sync callable has one thread.
    """

    def __init__(self, function: Callable[..., Any], max_batch: int, max_wait_s: float) -> None:
        self._function = function
        self._is_async = iscoroutinefunction(function) or iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - an instance whose __call__ is async
        self._thread = None if self._is_async else ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._max_batch = max_batch
        self._max_wait_s = max_wait_s
        self._waiting: deque[_Waiting] = deque()
        self._full = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self.sizes: dict[int, int] = {}  # how many batches had so many calls

    async def result(self, arguments: Mapping[str, Any]) -> Any:
        """What the callable returns for these arguments. A cancelled call leaves the queue.

        Raises:
            BadOutput: it did not return one result for each call.
            BaseException: whatever it raises, or returns as the result of this call.
        """
        loop = asyncio.get_running_loop()
        call = _Waiting(arguments, loop.create_future(), loop.time())
        self._waiting.append(call)
        if len(self._waiting) >= self._max_batch:
            self._full.set()
        if self._serving is None:
            # What the callable prints belongs to no single attempt.
            self._serving = loop.create_task(self._serve(), context=Variables())
        try:
            return await call.result
        finally:
            if call.result.cancelled() and call in self._waiting:
                self._waiting.remove(call)

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await self._fill()
                calls = [self._waiting.popleft() for _ in range(min(self._max_batch, len(self._waiting)))]
                if calls:
                    self.sizes[len(calls)] = self.sizes.get(len(calls), 0) + 1
                    await self._answer(calls)
        finally:
            self._serving = None

    async def _fill(self) -> None:
        """Wait until a batch is full, or its first call has waited long enough."""
        if len(self._waiting) >= self._max_batch:
            return
        self._full.clear()
        left_s = self._waiting[0].since_s + self._max_wait_s - asyncio.get_running_loop().time()
        if left_s > 0:
            await asyncio.wait([asyncio.ensure_future(self._full.wait())], timeout=left_s)
            self._full.set()  # ends the asyncio task that waits

    async def _answer(self, calls: Sequence[_Waiting]) -> None:
        try:
            results = await self._called(calls)
        except BaseException as error:  # the error is the result of each call, or of one of them
            if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                raise
            if len(calls) > 1:
                for call in calls:
                    if not call.result.done():
                        await self._answer([call])
            else:
                _settle(calls[0], error)
            return
        for call, result in zip(calls, results, strict=True):
            _settle(call, result)

    async def _called(self, calls: Sequence[_Waiting]) -> Sequence[Any]:
        columns = {name: [call.arguments[name] for call in calls] for name in calls[0].arguments}
        if self._is_async:
            working = asyncio.ensure_future(self._function(**columns))
            _cancel_with(calls, working)
            results = await working
        else:
            loop = asyncio.get_running_loop()
            results = await loop.run_in_executor(self._thread, lambda: self._function(**columns))
        if not hasattr(results, "__len__") or len(results) != len(calls):
            got = len(results) if hasattr(results, "__len__") else type(results).__name__
            fix = (
                "return a list with one result for each call, in order; an exception in it is the failure of that call"
            )
            raise BadOutput(f"a batch of {len(calls)} calls returned {got}", "output", fix)
        return list(results)


def _cancel_with(calls: Sequence[_Waiting], working: asyncio.Future[Any]) -> None:
    """Cancel the work when nobody waits for it any more."""

    def look(_: asyncio.Future[Any]) -> None:
        if all(call.result.done() for call in calls):
            working.cancel()

    for call in calls:
        call.result.add_done_callback(look)


def _settle(call: _Waiting, result: Any) -> None:
    if call.result.done():
        return
    if isinstance(result, BaseException):
        call.result.set_exception(result)
    else:
        call.result.set_result(result)
