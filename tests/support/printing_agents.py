"""Agents that print and log, importable by the workers of the test cluster."""
# ruff: noqa: T201 - prints are what is tested

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from actors.agent import agent
from actors.context import Context

_log = logging.getLogger("printing")


def _prints_everywhere(name: str) -> None:
    print(name, "to stdout")
    print(name, "to stderr", file=sys.stderr)
    _log.warning("%s to a logger", name)
    thread = threading.Thread(target=print, args=(name, "in a thread"))
    thread.start()
    thread.join()


@agent("print")
async def prints_in_host(name: str) -> str:
    _prints_everywhere(name)
    await asyncio.to_thread(print, name, "in an executor")
    return name


@agent("print")
def prints(name: str) -> str:
    _prints_everywhere(name)
    return name


@agent("print")
async def prints_and_fails_in_host() -> str:
    print("before the end")
    raise ValueError("the end")


@agent("print")
def prints_and_fails() -> str:
    print("before the end")
    raise ValueError("the end")


@agent("print")
async def prints_and_waits_in_host(release: str) -> str:
    print("waits")
    while not Path(release).exists():  # noqa: ASYNC110, ASYNC240 - another process makes the file
        await asyncio.sleep(0.01)
    print("goes on")
    return "done"


@agent("print")
def prints_and_waits(release: str) -> str:
    print("waits")
    stopped = threading.Event()
    while not Path(release).exists():
        stopped.wait(0.01)
    print("goes on")
    return "done"


@agent("print")
def runs_a_program() -> int:
    """Its program writes to the descriptors that it inherits."""
    return subprocess.run(["sh", "-c", "echo out of a program; echo err of a program >&2"], check=True).returncode  # noqa: S607


@agent("print")
async def runs_a_program_in_host() -> int | None:
    """What its program writes cannot be told from that of other agents."""
    program = await asyncio.create_subprocess_exec("echo", "out of a program")
    return await program.wait()


@agent("print", retry={"max_attempts": 1})
def prints_and_is_killed() -> str:
    print("last line of Python")
    os.write(2, b"last words of C\n")
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


@agent("print", retry={"max_attempts": 1})
async def prints_and_kills_its_host() -> str:
    print("last line of the host")
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


@agent("print")
def floods(megabytes: int, name: str = "flood") -> int:
    """Prints line after line, as fast as it can."""
    line = f"{name} " + 90 * "x"
    for number in range(megabytes * 10_000):
        print(line, number)
    print("the last line")
    return megabytes


@agent("print")
async def floods_in_host(megabytes: int, name: str = "flood") -> int:
    line = f"{name} " + 90 * "x"
    for number in range(megabytes * 10_000):
        print(line, number)
        if not number % 1_000:
            await asyncio.sleep(0)
    print("the last line")
    return megabytes


@agent("print")
async def tells_progress_in_host(release: str, context: Context) -> str:
    context.progress("reads", 0.25)
    context.artefact("preview", "half a table")
    while not Path(release).exists():  # noqa: ASYNC110, ASYNC240 - another process makes the file
        await asyncio.sleep(0.01)
    context.progress("writes", 7.0)
    return "done"


@agent("print")
def tells_progress(release: str, context: Context) -> str:
    context.progress("reads", 0.25)
    context.artefact("preview", "half a table")
    stopped = threading.Event()
    while not Path(release).exists():
        stopped.wait(0.01)
    context.progress("writes", 7.0)
    return "done"
