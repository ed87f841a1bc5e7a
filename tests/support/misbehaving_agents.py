"""Agents that break the rules of their host, importable by the workers of the test cluster."""

import asyncio
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from actors.agent import DidNot, Happened, agent
from actors.context import Context
from planners.resources import Resources
from reconciler.state.handoff import Handoff


@agent("wait")
async def neighbour(seconds: float = 0.0) -> str:
    """A well-behaved agent that shares a host with all the others."""
    await asyncio.sleep(seconds)
    return "neighbour"


@agent("break", retry={"max_attempts": 1})
async def raises_keyboard_interrupt() -> str:
    raise KeyboardInterrupt


@agent("break", retry={"max_attempts": 1})
async def spawns_an_exit() -> str:
    async def child() -> None:
        raise SystemExit(1)

    spawned = asyncio.create_task(child())
    await asyncio.wait([spawned])
    return "went on"


@agent("break")
async def raises_cancelled() -> str:
    raise asyncio.CancelledError


@agent("break")
async def awaits_a_cancelled_task() -> str:
    spawned = asyncio.create_task(asyncio.sleep(600))
    spawned.cancel()
    await spawned
    return "never"


@agent("break", resources=Resources(cpus=0.1))
async def raises_cancelled_in_a_worker() -> str:
    raise asyncio.CancelledError


@agent("break", resources=Resources(cpus=0.1))
def raises_keyboard_interrupt_in_a_worker() -> str:
    raise KeyboardInterrupt


@agent("break", retry={"max_attempts": 1})
async def exits_its_process(seconds: float = 0.0) -> str:
    await asyncio.sleep(seconds)
    os._exit(1)


@agent("wait", name="innocent", retry={"max_attempts": 1})
async def innocent(seconds: float) -> str:
    """A well-behaved agent without retries."""
    await asyncio.sleep(seconds)
    return "innocent"


@agent("block", retry={"max_attempts": 1})
async def blocks_its_loop() -> str:
    time.sleep(600)  # noqa: ASYNC251 - the mistake under test
    return "never"


def _act_of(context: Context) -> Path:
    return Path(tempfile.gettempdir()) / f"forerun-{context.agent}-{context.idempotency_key}"


def _acted(context: Context) -> Happened | DidNot:
    try:
        _act_of(context).unlink()
    except FileNotFoundError:
        return DidNot()
    return Happened("acted")


@agent("act", effect="irreversible", verify=_acted)
def dies_after_its_act(context: Context) -> str:
    _act_of(context).touch()
    os._exit(1)


@agent("act", effect="irreversible", verify=_acted)
def dies_before_its_act(witness: str, context: Context) -> str:
    """Dies the first time; ``witness`` gets a byte per call."""
    with Path(witness).open("ab") as file:
        file.write(b".")
    if Path(witness).stat().st_size == 1:
        os._exit(1)
    return "acted at the second try"


@agent("environment")
async def environment() -> dict[str, str]:
    return dict(os.environ)


@agent("environment", resources=Resources(cpus=0.1))
def environment_in_process() -> dict[str, str]:
    return dict(os.environ)


class Unspeakable(Exception):
    """An exception whose text cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


async def waits_for_ever() -> None:
    await asyncio.Event().wait()


async def generator_exit() -> None:
    raise GeneratorExit


async def unspeakable() -> None:
    raise Unspeakable


def raises_unspeakable() -> None:
    raise Unspeakable


def raises_generator_exit() -> None:
    raise GeneratorExit


def raises_keyboard_interrupt_at_once() -> None:
    raise KeyboardInterrupt


async def names_a_file_that_is_no_text() -> None:
    raise FileNotFoundError("no such file: \udcff")


async def says_what_is_no_text() -> Handoff:
    return Handoff.model_construct(summary="\ud800", output=1)


async def says_too_much() -> Handoff:
    return Handoff(summary="x" * 10_000_000, output=1)


async def proposes_too_much() -> Handoff:
    return Handoff(output=1, next={"why": "x" * 10_000_000})


async def returns_a_lock() -> object:
    return threading.Lock()


async def returns_a_circle() -> object:
    circle: list[Any] = []
    circle.append(circle)
    return circle


async def returns_bytes_that_are_no_text() -> object:
    return b"\xff\xfe"


async def returns_too_large_a_number() -> object:
    return 10**5000
