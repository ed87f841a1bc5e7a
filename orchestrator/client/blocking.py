"""The client without ``await``: every method of the async client, run on an event loop in a background thread."""

import asyncio
import concurrent.futures
import functools
import inspect
import os
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self

_ASYNC_ONLY = frozenset({"aclose", "sync"})
_END = object()


class SyncClient:
    """Wraps an async client. Methods return values instead of coroutines, and iterators instead of async iterators.

    Use it in a ``with`` block, or call `close` when done, or do neither: it is closed when it is garbage collected or
    the interpreter exits. The background thread starts with the first call. Several threads may share a client; a
    process that is forked needs one of its own.
    """

    def __init__(self, client: AbstractAsyncContextManager[Any]) -> None:
        self._client = client
        self._loop = _BackgroundLoop(client)
        self._finalizer = weakref.finalize(self, self._loop.close)

    def close(self) -> None:
        """Close the connections and end the background thread. Closing twice does nothing."""
        self._finalizer()

    def __enter__(self) -> Self:
        self._loop.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __dir__(self) -> list[str]:
        return sorted(
            {*super().__dir__(), *(name for name in dir(self._client) if not name.startswith("_"))} - _ASYNC_ONLY
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in _ASYNC_ONLY:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        attribute = getattr(self._client, name)
        if inspect.iscoroutinefunction(attribute):
            return functools.wraps(attribute)(
                lambda *args, **named: self._loop.result(functools.partial(attribute, *args, **named))
            )
        if inspect.isasyncgenfunction(attribute):
            return functools.wraps(attribute)(lambda *args, **named: self._iterate(attribute(*args, **named)))
        return attribute

    def _iterate(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        while True:
            item = self._loop.result(functools.partial(anext, items, _END))  # if it is interrupted, the iterator ends
            if item is _END:
                return
            try:
                yield item
            except BaseException:  # leaving the loop early would otherwise keep the connection open
                if isinstance(items, AsyncGenerator):
                    self._loop.result(items.aclose)
                raise


class _BackgroundLoop:
    """An event loop in a thread, on which a client lives. Thread-safe."""

    def __init__(self, client: AbstractAsyncContextManager[Any]) -> None:
        self._client = client
        self._changing = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._closed = False

    def start(self) -> None:
        """Run the loop from now on.

        Raises:
            RuntimeError: the client is closed, or belongs to the process that has forked this one.
        """
        if self._is_forked:  # no thread runs the loop here, and the connections are those of the other process
            raise RuntimeError("this client was used before the process was forked; make a new one")
        with self._changing:
            self._started()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise RuntimeError("this client is closed; make a new one")
        if self._loop is None:
            self._pid, self._loop = os.getpid(), asyncio.new_event_loop()
            self._thread = threading.Thread(target=_run, args=(self._loop,), name="forerun-client", daemon=True)
            self._thread.start()
        return self._loop

    def result(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """What some work returns or raises. It is cancelled if the caller is interrupted.

        Raises:
            RuntimeError: as `start`.
        """
        self.start()
        running: concurrent.futures.Future[Any] | None = None
        try:
            with self._changing:  # work that is given before the loop is closed is cancelled then; none is given after
                loop = self._started()
                running = asyncio.run_coroutine_threadsafe(_awaited(work), loop)
            return running.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("this client was closed meanwhile; make a new one") from None
        except BaseException:
            if running is not None:
                running.cancel()  # nothing happens if it has ended
            raise

    def close(self) -> None:
        """Close the client and end the thread; work that is under way is cancelled."""
        if self._is_forked:
            return
        with self._changing:
            self._closed, loop, thread = True, self._loop, self._thread
        if loop is None or thread is None:
            return
        closing = asyncio.run_coroutine_threadsafe(self._close(loop), loop)
        if threading.current_thread() is not thread:  # garbage may be collected there, where nothing can be waited for
            closing.result()
            thread.join()

    @property
    def _is_forked(self) -> bool:
        return self._loop is not None and self._pid != os.getpid()

    async def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await loop.shutdown_asyncgens()
            await self._client.__aexit__(None, None, None)
        finally:
            loop.call_soon(loop.stop)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _awaited(work: Callable[[], Awaitable[Any]]) -> Any:
    return await work()
