"""Agents whose outputs are joined: some return, some fail, some never end, importable by workers."""

import asyncio
import os
import time
from pathlib import Path

from pydantic import BaseModel

from actors.agent import agent

NEVER, BROKEN = 9, 3


class Found(BaseModel):
    n: int
    score: float


@agent("look", retry={"max_attempts": 1})
async def looks(n: int) -> Found:
    if n == BROKEN:
        raise ValueError(f"there is no source {n}")
    if n == NEVER:
        await asyncio.Event().wait()
    return Found(n=n, score=n / 10)


@agent("dig")
def digs() -> Found:
    """Sync: only a kill of its process ends it."""
    time.sleep(3600)
    return Found(n=0, score=0)


@agent("report", expected_s=0.1)
async def reports(names: list[str], count: int = 0) -> str:
    return f"{', '.join(names)} of {count}"


@agent("linger")
async def lingers(folder: str, name: str) -> str:
    """Tells its process, and returns once it is told to."""
    (Path(folder) / f"{name}.pid").write_text(str(os.getpid()))
    while not (Path(folder) / f"{name}.go").exists():  # noqa: ASYNC110 -- another process creates it
        await asyncio.sleep(0.02)
    return name
