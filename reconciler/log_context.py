"""What the service's own log needs from where it is written: the ids of the work under way, and where the log is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_ids: ContextVar[Mapping[str, str]] = ContextVar("log_ids", default={})  # noqa: B039 - never changed


@dataclass
class _Place:
    name: str = ""


_place = _Place()


@contextmanager
def log_ids(**ids: str) -> Iterator[None]:
    """Add ids (``task``, ``step``, ``attempt``) to every record of this context and of the asyncio tasks it starts."""
    token = _ids.set({**_ids.get(), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def current_log_ids() -> Mapping[str, str]:
    """The ids of this context."""
    return _ids.get()


def set_log_place(name: str) -> None:
    """Where this process logs to."""
    _place.name = name


def log_place() -> str:
    """Where this process logs to, for messages that refer to it."""
    return f"the service's log, {_place.name}," if _place.name else "the service's log"
