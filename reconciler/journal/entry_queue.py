"""A queue whose reader sleeps until something is due, instead of waking up for every item."""

import math
import threading
import time
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class EntryQueue(Generic[_Item]):
    """Items in order of arrival, each with the time that others may take to join it. Thread-safe.

    A thread that wakes up for every item takes the interpreter from the one that adds them.
    """

    def __init__(self, most: int) -> None:
        """``most``: so many items are due at once, and taken together."""
        self._most = most
        self._items: list[_Item] = []
        self._due_s = math.inf  # on the monotonic clock
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: _Item, linger_s: float) -> bool:
        """Add an item, due after ``linger_s`` at the latest; whether the queue still takes any."""
        due_s = time.monotonic() + linger_s
        with self._changed:
            if self._closed:
                return False
            self._items.append(item)
            if due_s < self._due_s or len(self._items) == self._most:
                self._due_s = min(due_s, self._due_s)
                self._changed.notify()
        return True

    def close(self) -> None:
        """Take no more items. Those that are there are due."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self) -> list[_Item]:
        """Wait until an item is due, and take all that are there, up to ``most``. Empty: the queue is closed."""
        with self._changed:
            while not self._closed and len(self._items) < self._most:
                left_s = self._due_s - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(None if math.isinf(left_s) else left_s)
            taken, self._items = self._items[: self._most], self._items[self._most :]
            self._due_s = -math.inf if self._items else math.inf
            return taken
