"""Agents of the chaos tests; found because they lie beside the catalog.

Acts and promoted effects append a line to the witness, a file outside the service that outlives every process.
"""

import asyncio
import os
import time
from pathlib import Path

from actors.agent import agent
from actors.context import Context


def _testify(witness: str, *fields: str) -> None:
    """Append one line in one write, so that a kill leaves a whole line or none."""
    file = os.open(witness, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, ("\t".join(fields) + "\n").encode())
    finally:
        os.close(file)


def witnessed(witness: Path) -> list[list[str]]:
    """What the witness saw, in order."""
    return [line.split("\t") for line in witness.read_text().splitlines()] if witness.exists() else []


@agent("add", effect="pure", expected_s=0.1)
async def add(numbers: list[int], pause_s: float) -> int:
    """The sum, after a while; shares its host."""
    await asyncio.sleep(pause_s)
    return sum(numbers) + 1


@agent("grind", effect="idempotent", expected_s=0.1)
def grind(numbers: list[int], pause_s: float) -> int:
    """The sum, after a while; in a worker process of its own."""
    time.sleep(pause_s)
    return sum(numbers) + 2


def _promote(context: Context, staged: dict[str, bytes]) -> None:
    step, _, witness = staged["effect"].decode().partition("\t")
    _testify(witness, "effect", step, context.idempotency_key)


@agent("stage", effect="stageable", expected_s=0.1, promote=_promote)
async def stage(numbers: list[int], pause_s: float, step: str, witness: str, context: Context) -> int:
    """The sum; its effect is staged and reaches the witness when promoted."""
    await asyncio.sleep(pause_s)
    context.stage("effect", f"{step}\t{witness}".encode())
    return sum(numbers) + 3


@agent("act", effect="irreversible", expected_s=0.1)
async def act(numbers: list[int], pause_s: float, step: str, witness: str, context: Context) -> int:
    """The sum; acts on the world once, halfway through."""
    await asyncio.sleep(pause_s / 2)
    _testify(witness, "act", step, context.idempotency_key)
    await asyncio.sleep(pause_s / 2)
    return sum(numbers) + 4
