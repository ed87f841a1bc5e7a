"""Agents of the end-to-end tests; found because they lie beside the catalog."""

import asyncio


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


async def fail(reason: str) -> str:
    """Never succeeds."""
    raise ValueError(reason)
