"""Cancel a running search from another thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock


class CancellationToken:
    """Cancelled once, for good. A search polls ``cancelled`` and registers a callback for calls that block."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Cancel running and future searches. Thread-safe; further calls are allowed."""
        with self._lock:
            self._cancelled = True
            for callback in self._callbacks:
                callback()

    @contextmanager
    def on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Within the context, `cancel` calls ``callback`` in the cancelling thread."""
        with self._lock:
            self._callbacks.append(callback)
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)
