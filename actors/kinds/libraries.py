"""Libraries that take a second or more to import, which would hold up the event loop that attempts share."""

import asyncio
import sys
from importlib import import_module


async def imported(*modules: str) -> None:
    """Import modules in a thread, unless they are there.

    Raises:
        ImportError: one of them is not installed.
    """
    missing = [module for module in modules if module not in sys.modules]
    if missing:
        await asyncio.to_thread(_import, missing)


def _import(modules: list[str]) -> None:
    for module in modules:
        import_module(module)
