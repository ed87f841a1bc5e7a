"""Requests and plans on their way between a shard and its planner.

Ray pickles arguments on the event loop of the caller, and reads results there: 30 ms for 5,000 steps. Large ones are
therefore pickled in a thread, and Ray passes the bytes on as they are.
"""

import asyncio
import pickle
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")
# Pickling fewer steps takes less than handing over to a thread and back.
_LARGE_STEPS = 100


class Parcel(Generic[_T]):
    """A pickled value. Only the service's own processes exchange parcels."""

    __slots__ = ("content",)

    def __init__(self, value: _T) -> None:
        self.content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (self.content,)

    def opened(self) -> _T:
        """The value."""
        value: _T = pickle.loads(self.content)  # noqa: S301 -- written by another process of this service
        return value


async def packed(value: _T, steps: int) -> "_T | Parcel[_T]":
    """The value, as a parcel if it holds many steps."""
    return value if steps <= _LARGE_STEPS else await asyncio.to_thread(Parcel, value)


async def unpacked(value: "_T | Parcel[_T]") -> _T:
    """The value that may have come as a parcel."""
    return await asyncio.to_thread(value.opened) if isinstance(value, Parcel) else value


def _received(content: bytes) -> Parcel[Any]:
    parcel = Parcel.__new__(Parcel)
    parcel.content = content
    return parcel
