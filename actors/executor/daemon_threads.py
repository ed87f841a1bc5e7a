"""Threads that a process does not wait for when it ends: the code in them cannot be stopped."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from typing import Any


class DaemonThreads(Executor):
    """Runs each call in a new daemon thread, with the context variables of the caller. Bounds nothing."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `concurrent.futures.Executor`. A call that was cancelled before it began is not made."""
        future: Future[Any] = Future()
        context = copy_context()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = context.run(fn, *args, **kwargs)
            except BaseException as error:  # noqa: BLE001 -- as in the executors of the standard library
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=call, name=getattr(fn, "__name__", "call"), daemon=True).start()
        return future
