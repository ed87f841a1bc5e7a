"""A dictionary of bounded size that drops the entry used longest ago."""

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruDict(dict[K, V]):
    """A dict in order of last use. Entries are added with `touch` and `put`, which keep at most ``max_size``."""

    def __init__(self, max_size: int) -> None:
        super().__init__()
        self._max_size = max_size

    def touch(self, key: K, default: Callable[[], V]) -> V:
        """The value of a key, made by ``default`` if it is missing; the key becomes the one used last."""
        value = self[key] if key in self else default()
        self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Set a value; the key becomes the one used last."""
        self.pop(key, None)
        self[key] = value
        while len(self) > self._max_size:
            del self[next(iter(self))]
