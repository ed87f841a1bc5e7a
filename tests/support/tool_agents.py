"""Agents that language models of tests use as tools."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from actors.context import Context


class Calls:
    """What the tools of a test have seen."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.waiting = threading.Event()
        self.cancelled = threading.Event()


calls = Calls()


@contextmanager
def recorded() -> Iterator[Calls]:
    global calls  # noqa: PLW0603 - agents are found by import path, so what they record is found here
    calls = Calls()
    yield calls


async def lookup(word: str, context: Context) -> dict[str, str]:
    """What a word means."""
    context.progress(f"reads about {word}")
    calls.keys.append(context.idempotency_key)
    calls.at_once += 1
    calls.most_at_once = max(calls.most_at_once, calls.at_once)
    for _ in range(5):
        await asyncio.sleep(0)
    calls.at_once -= 1
    if word == "secret":
        raise LookupError(f"no entry; the key is {context.secret('TOOL_KEY')}")
    return {"word": word, "meaning": "a thing"}


def length(text: str) -> int:
    """How long a text is."""
    if text == "leave":
        raise SystemExit(3)
    return len(text)


async def waits() -> None:
    """Never returns."""
    calls.waiting.set()
    try:
        await asyncio.Event().wait()
    finally:
        calls.cancelled.set()


def files() -> str:
    """Changes the world."""
    return "filed"
