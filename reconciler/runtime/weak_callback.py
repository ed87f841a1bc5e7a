"""Callbacks that do not keep the object alive that they belong to.

The parts of a run call it back. With strong references each run would be a cycle, and the memory of ended runs would
stay until a full garbage collection, which takes the longer the more of them there are.
"""

from collections.abc import Callable
from types import MethodType
from typing import ParamSpec
from weakref import ref

_P = ParamSpec("_P")


def weak_callback(method: Callable[_P, None]) -> Callable[_P, None]:
    """Call a bound method as long as something else refers to its object; after that do nothing."""
    assert isinstance(method, MethodType), "a bound method"
    reference, function = ref(method.__self__), method.__func__  # a WeakMethod takes ten times as long to make

    def call(*args: _P.args, **kwargs: _P.kwargs) -> None:
        if (alive := reference()) is not None:
            function(alive, *args, **kwargs)

    return call
