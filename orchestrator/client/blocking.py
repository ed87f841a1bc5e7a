"""An async client without ``await``: every method is wrapped, none is written twice."""

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack
from types import TracebackType
from typing import Any, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal


class SyncClient:
    """Runs an async context manager's methods on an event loop in a thread of its own, from ``with`` to its end."""

    def __init__(self, opening: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        self._opening = opening
        self._stack = ExitStack()
        self._portal: BlockingPortal
        self._opened: Any = None

    def __enter__(self) -> Self:
        self._portal = self._stack.enter_context(start_blocking_portal())
        self._opened = self._stack.enter_context(self._portal.wrap_async_context_manager(self._opening()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._opened, name)
        if inspect.iscoroutinefunction(attribute):
            return functools.wraps(attribute)(
                lambda *args, **named: self._portal.call(functools.partial(attribute, *args, **named))
            )
        if inspect.isasyncgenfunction(attribute):
            return functools.wraps(attribute)(lambda *args, **named: self._iterated(attribute(*args, **named)))
        return attribute

    def _iterated(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._portal.call(items.__anext__)
                except StopAsyncIteration:
                    return
        finally:  # whoever breaks off leaves a connection open else
            if isinstance(items, AsyncGenerator):
                self._portal.call(items.aclose)
