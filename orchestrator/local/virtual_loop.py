"""An event loop in virtual time: its clock stops while there is work, and otherwise jumps to the next timer."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class _Leaping(selectors.DefaultSelector):
    """Adds the time it should wait to the clock, unless a thread is at work."""

    now_s = 0.0
    threads = 0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self.threads:
            return super().select(None)  # a thread that has finished wakes the loop
        self.now_s += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs timers without waiting. The clock stands still while `run_in_executor` has calls under way.

    Only for code that waits for timers, asyncio tasks and threads: a timeout of anything else, such as a socket, is
    over at once.
    """

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._leaping.now_s

    def run_in_executor(  # type: ignore[override]  # typeshed's signature is variadic in its types
        self, executor: Any, func: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        """See `asyncio.loop.run_in_executor`."""
        future = super().run_in_executor(executor, func, *args)
        self._leaping.threads += 1
        future.add_done_callback(self._ended)
        return future

    async def shutdown_default_executor(self, *timeout_s: float | None) -> None:
        """See `asyncio.loop.shutdown_default_executor`; it waits for a thread, too."""
        self._leaping.threads += 1
        try:
            await super().shutdown_default_executor(*timeout_s)
        finally:
            self._leaping.threads -= 1

    def _ended(self, _: object) -> None:
        self._leaping.threads -= 1


def in_virtual_time(scenario: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scenario)
