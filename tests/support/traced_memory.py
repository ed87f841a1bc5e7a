"""Counts the memory of objects that are kept."""

import gc
import tracemalloc
from collections.abc import Awaitable, Callable


async def kept_bytes(make: Callable[[], Awaitable[object]]) -> int:
    """By how many bytes the objects of this process have grown when ``make`` has returned."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        made = await make()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del made
    return after - before
