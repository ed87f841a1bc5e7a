"""Keeps Python's collector of cyclic garbage from running while a plan is made.

Planning allocates some hundred thousand objects without any cycles. In a process with much in memory each of the
collections that they set off takes as long as the plan.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_paused = 0
_was_enabled = False


@contextmanager
def no_collection() -> Iterator[None]:
    """Meanwhile no collection runs, in any thread; afterwards they run as before. For parts of a second."""
    global _paused, _was_enabled  # noqa: PLW0603 -- the collector is global
    with _lock:
        if not _paused:
            _was_enabled = gc.isenabled()
            gc.disable()
        _paused += 1
    try:
        yield
    finally:
        with _lock:
            _paused -= 1
            if not _paused and _was_enabled:
                gc.enable()
