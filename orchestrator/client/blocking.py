"""The client without ``await``: every method of the async client, run on an event loop in a background thread."""

import functools
import inspect
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, suppress
from types import TracebackType
from typing import Any, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

_ASYNC_ONLY = frozenset({"aclose", "sync"})


class SyncClient:
    """Wraps an async client. Methods return values instead of coroutines, and iterators instead of async iterators.

    Use it in a ``with`` block, or call `close` when done, or do neither: it is closed when it is garbage collected or
    the interpreter exits. The background thread starts with the first call.
    """

    def __init__(self, client: AbstractAsyncContextManager[Any]) -> None:
        self._client = client
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._closed = False
        self._finalizer = weakref.finalize(self, _close, self._stack)

    def close(self) -> None:
        """Close the connections and end the background thread. Closing twice does nothing."""
        self._closed = True
        self._finalizer()

    def __enter__(self) -> Self:
        self._running_portal()
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
                lambda *args, **named: self._running_portal().call(functools.partial(attribute, *args, **named))
            )
        if inspect.isasyncgenfunction(attribute):
            return functools.wraps(attribute)(lambda *args, **named: self._iterate(attribute(*args, **named)))
        return attribute

    def _running_portal(self) -> BlockingPortal:
        if self._closed:
            raise RuntimeError("this client is closed; make a new one")
        if self._portal is None:
            self._portal = self._stack.enter_context(start_blocking_portal(name="forerun-client"))
            self._stack.enter_context(self._portal.wrap_async_context_manager(self._client))
        return self._portal

    def _iterate(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        portal = self._running_portal()
        try:
            while True:
                try:
                    yield portal.call(items.__anext__)
                except StopAsyncIteration:
                    return
        finally:  # leaving the loop early would otherwise keep the connection open
            if isinstance(items, AsyncGenerator):
                portal.call(items.aclose)


def _close(stack: ExitStack) -> None:
    # A garbage collection inside the background thread cannot end that thread. It is a daemon, so it blocks nothing.
    with suppress(RuntimeError):
        stack.close()
