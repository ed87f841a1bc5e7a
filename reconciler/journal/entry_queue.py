"""A queue whose reader sleeps until something is due, instead of waking up for every item."""

import math
import threading
import time
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
# Of more items than this, none is taken ahead of the others: they are written in less time together.
_FEW = 40


class EntryQueue(Generic[_Item]):
    """Items in order of arrival, each with the time that others may take to join it. Thread-safe.

    Those that somebody waits for and that follow from nothing else may be taken first.
    A thread that wakes up for every item takes the interpreter from the one that adds them.
    """

    def __init__(self, most: int) -> None:
        """``most``: so many items are due at once, and taken together."""
        self._most = most
        self._items: list[_Item] = []
        self._first: list[_Item] = []
        self._went_ahead = False  # those that come first, at the last take
        self._due_s = math.inf  # on the monotonic clock
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._items) + len(self._first)

    def put(self, item: _Item, linger_s: float, *, first: bool = False) -> bool:
        """Add an item, due after ``linger_s`` at the latest; whether the queue still takes any.

        ``first``: it is due at once, and ahead of what is there.
        """
        due_s = time.monotonic() + linger_s
        with self._changed:
            if self._closed:
                return False
            if first:
                self._first.append(item)
                self._changed.notify()
                return True
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
        """Wait until an item is due, and take all that are there, up to ``most``. Empty: the queue is closed.

        Items that come first are taken alone, unless there are many items, or others are due and have been passed over
        before.
        """
        with self._changed:
            while not self._closed and not self._first and len(self._items) < self._most:
                left_s = self._due_s - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(None if math.isinf(left_s) else left_s)
            passed_over = self._went_ahead and time.monotonic() >= self._due_s
            self._went_ahead = bool(self._first) and len(self) <= _FEW and not passed_over
            if self._went_ahead:
                taken, self._first = self._first, []
                return taken
            items, self._first = self._first + self._items, []
            taken, self._items = items[: self._most], items[self._most :]
            self._due_s = -math.inf if self._items else math.inf
            return taken
