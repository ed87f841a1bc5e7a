"""Agents whose outputs, errors and hooks a service must survive."""

import asyncio
import math
from typing import Any

from actors.agent import agent
from actors.context import Context


@agent("echo")
async def echoes(x: Any = None) -> Any:
    return x


@agent("list")
async def lists(n: int) -> list[int]:
    return list(range(n))


@agent("parse")
async def fails_with_half_a_pair() -> str:
    """Its error names a file whose name is not UTF-8, as decoded by `os.fsdecode`."""
    raise ValueError("cannot parse caf\udce9.csv")


@agent("nest")
async def nests(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@agent("measure")
async def measures_floats() -> list[float]:
    return [1.0, math.nan, math.inf]


@agent("measure")
async def measures_anything() -> Any:
    return [1.0, math.nan, math.inf]


async def _hang(context: Context, staged: dict[str, bytes]) -> None:
    await asyncio.Event().wait()


@agent("publish", effect="stageable", promote=_hang)
async def publishes_for_ever(context: Context) -> str:
    context.stage("page", b"text")
    return "staged"
