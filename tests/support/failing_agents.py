"""Agents that fail, each in another way, importable by workers. Tests find their lines by the marks in the comments."""

import asyncio
import ctypes
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from actors.agent import agent
from actors.context import Context


def line_of(mark: str) -> int:
    """The number of the line that ends with a comment of this word."""
    lines = Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"# {mark}"))


def _text_of(document: dict[str, Any]) -> str:
    return document["text"]  # lookup


@agent("summarise", retry={"max_attempts": 1})
def summarises(document: dict[str, Any]) -> str:
    try:
        return _text_of(document)
    except KeyError as error:
        raise ValueError("the document cannot be summarised") from error  # summarise


@agent("parse", retry={"max_attempts": 1})
async def parses() -> Any:
    return json.loads("{")  # parse


@agent("gather", retry={"max_attempts": 1})
async def gathers() -> None:
    async def child() -> None:
        raise LookupError("nothing found")  # child

    async with asyncio.TaskGroup() as group:
        group.create_task(child())


@agent("wait", retry={"max_attempts": 1}, timeout_s=0.05)
async def waits_too_long() -> None:
    await asyncio.Event().wait()  # waits


@agent("count", retry={"max_attempts": 1})
def returns_a_text() -> int:
    return "many"  # type: ignore[return-value]  # the mistake under test


@agent("count", retry={"max_attempts": 1})
def counts(number: int) -> int:
    return number


@agent("post", retry={"max_attempts": 1}, env=["POSTING_KEY"])
def tells_its_secrets(context: Context, login: dict[str, str]) -> None:
    raise PermissionError(f"{context.secret('POSTING_KEY')} and {login['password']} were refused")


@agent("loop", retry={"max_attempts": 1})
def recurses(depth: int = 0) -> int:
    return recurses(depth + 1)


@agent("crash", retry={"max_attempts": 1})
def crashes() -> None:
    ctypes.string_at(0)  # crash


@agent("crash", retry={"max_attempts": 1})
def exits() -> None:
    sys.stderr.write("about to exit\n")
    sys.stderr.flush()
    os._exit(3)


# Long enough for its module to be imported on a busy machine.
@agent("hang", retry={"max_attempts": 1}, timeout_s=8.0)
def hangs() -> None:
    time.sleep(600)  # hang


@agent("hang", retry={"max_attempts": 1})
async def blocks() -> None:
    time.sleep(600)  # noqa: ASYNC251 - the mistake under test  # block


@agent("import", retry={"max_attempts": 1})
def misses_a_module() -> None:
    import no_such_module_here  # noqa: F401, PLC0415 - the mistake under test  # missing


@agent("allocate", retry={"max_attempts": 1})
def allocates_too_much() -> int:
    return len(bytearray(1 << 60))  # allocate


@agent("wait-for-kill", retry={"max_attempts": 1})
def tells_its_pid(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(600)


@agent("pay", effect="irreversible")
def pays_and_dies() -> None:
    os._exit(1)


@agent("buy", retry={"max_attempts": 5, "backoff_s": 0}, price={"usd_per_call": 0.6})
async def buys_in_vain() -> None:
    raise ValueError("sold out")


@agent("rest", expected_s=0.1)
async def rests() -> None:
    await asyncio.Event().wait()


@agent("repeat")
async def repeats(value: Any) -> Any:
    """Never fails."""
    return value


@agent("linger", resources={"custom": {"doomed": 1}})
def lingers() -> None:
    time.sleep(600)


@agent("linger-and-pay", effect="irreversible", resources={"custom": {"doomed": 1}})
def lingers_to_pay() -> None:
    time.sleep(600)
