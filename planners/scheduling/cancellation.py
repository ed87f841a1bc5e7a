"""Ending a plan in the making from another thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock


class CancellationToken:
    """Pulled once, for good. Whoever searches looks at ``pulled`` between steps, and is called where it cannot look."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pulled = False
        self._ends: list[Callable[[], None]] = []

    @property
    def pulled(self) -> bool:
        """Whether it is over."""
        return self._pulled

    def pull(self) -> None:
        """End what runs, now, and whatever begins later. From any thread, as often as one likes."""
        with self._lock:
            self._pulled = True
            for end in self._ends:
                end()

    @contextmanager
    def calling(self, end: Callable[[], None]) -> Iterator[None]:
        """While inside, pulling calls ``end``, from the thread that pulls."""
        with self._lock:
            self._ends.append(end)
        try:
            yield
        finally:
            with self._lock:
                self._ends.remove(end)
