"""Agents of the end-to-end tests; found because they lie beside the catalog."""

import asyncio
import logging
import time

from actors.context import Context


def split(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


async def count(word: str) -> int:
    """How many letters a word has."""
    await asyncio.sleep(0.1)
    return len(word)


async def add(numbers: list[int]) -> int:
    """Their sum."""
    return sum(numbers)


async def sleep(seconds: float) -> float:
    """Nothing, for a while."""
    await asyncio.sleep(seconds)
    return seconds


def block(seconds: float) -> float:
    """Nothing, in a process of its own."""
    time.sleep(seconds)
    return seconds


async def fail(reason: str) -> str:
    """Never succeeds."""
    raise ValueError(reason)


async def leak(context: Context) -> str:
    """Tells its secrets wherever it can, and fails with them."""
    told = f"{context.secret('PLANTED_TOKEN')} and {context.secret('PLANTED_KEY')}"
    print(told)  # noqa: T201 - see above
    logging.getLogger("leak").warning(told)
    context.progress(told, 0.5)
    context.artefact("leak", told)
    raise ValueError(told)
