"""The functions of the kernel that schedulers call, compiled or not."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from planners.scheduling.kernel.choices import find_path, find_price, find_tails
from planners.scheduling.kernel.passes import latest_ends, mirror, order_steps, place_all, replay, serial
from planners.scheduling.kernel.ties import break_ties


class Kernel(NamedTuple):
    """The functions; uncompiled by default."""

    serial: Callable[..., int] = serial
    place_all: Callable[..., None] = place_all
    replay: Callable[..., None] = replay
    mirror: Callable[..., None] = mirror
    latest_ends: Callable[..., None] = latest_ends
    order_steps: Callable[..., None] = order_steps
    break_ties: Callable[..., None] = break_ties
    find_price: Callable[..., tuple[float, float]] = find_price
    find_tails: Callable[..., None] = find_tails
    find_path: Callable[..., int] = find_path

    @classmethod
    def of(cls, twins: Mapping[Any, Any]) -> "Kernel":
        """The twins of all functions."""
        return cls(*(twins[function] for function in cls()))
