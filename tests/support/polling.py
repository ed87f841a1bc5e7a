"""Waiting for what another process brings about, with a guard against hangs."""

import time
from collections.abc import Callable

_GUARD_S = 300.0
_EVERY_S = 0.05


def until(condition: Callable[[], bool]) -> None:
    """Ask until it holds."""
    end_s = time.monotonic() + _GUARD_S
    while not condition():
        assert time.monotonic() < end_s, "it has not come true"
        time.sleep(_EVERY_S)
