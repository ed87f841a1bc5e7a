"""What every peer runs: the bodies of the steps, the values they pass on, and how many tasks are open at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

STEPS = 5
# Chains that are open at once, where a peer does not take all of them as one graph.
OPEN = 50
NAP_S = 1.0


class Sizes(NamedTuple):
    """How much of each is measured. ``limit_s``: how long one measurement may take."""

    tasks: int
    fan: int
    naps: int
    limit_s: float


async def pass_on(value: Any) -> Any:
    """A trivial step."""
    return {"before": value}


def pass_on_sync(value: Any) -> Any:
    """The same step for peers whose documentation recommends plain functions."""
    return {"before": value}


async def nap(value: Any) -> Any:
    """An agent that waits for a second."""
    await asyncio.sleep(NAP_S)
    return value


def end_of_chain(number: int) -> Any:
    """What a chain of `STEPS` steps returns for a number."""
    value: Any = number
    for _ in range(STEPS):
        value = {"before": value}
    return value


def check(returned: Any, expected: Any) -> None:
    """Compare the result of a peer with the expected one.

    Raises:
        ValueError: they differ.
    """
    if returned != expected:
        raise ValueError(f"the peer returned {str(returned)[:200]} instead of {str(expected)[:200]}")


async def with_open_tasks(task: Callable[[int], Awaitable[Any]], numbers: Iterable[int]) -> list[Any]:
    """Run a task for each number, at most `OPEN` at once; their results in order."""
    room = asyncio.Semaphore(OPEN)

    async def one(number: int) -> Any:
        async with room:
            return await task(number)

    return await asyncio.gather(*map(one, numbers))
