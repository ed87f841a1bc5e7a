"""Agents for tests, importable by the workers of the test cluster."""

import asyncio
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import ray
from pydantic import BaseModel

from actors.agent import DidNot, Happened, Unknown, agent
from actors.context import Context
from planners.resources import Resources
from reconciler.state.handoff import Handoff


class Molecule(BaseModel):
    name: str
    atoms: int = 1


@agent("add")
async def add(a: int, b: int = 1) -> int:
    """Adds."""
    return a + b


@agent("add")
def add_in_process(a: int, b: int = 1) -> int:
    return a + b


@agent("describe")
async def describe(molecule: Molecule) -> Handoff:
    return Handoff(summary=f"saw {molecule.name}", confidence=0.5, output=molecule.atoms)


@agent("break")
async def broken(a: int = 0) -> int:
    raise ZeroDivisionError(f"cannot divide {a}")


@agent("break")
def exits() -> int:
    raise SystemExit(3)


@agent("break")
async def exits_in_host() -> int:
    raise SystemExit(3)


@agent("lie")
async def lying() -> int:
    return "no number"  # type: ignore[return-value]


@agent("wait")
async def waits(seconds: float = 600.0) -> str:
    await asyncio.sleep(seconds)
    return "waited"


@agent("wait", timeout_s=0.2)
async def waits_briefly(seconds: float = 600.0) -> str:
    await asyncio.sleep(seconds)
    return "waited"


@agent("wait", resources=Resources(cpus=0.1))
def sleeps(mark: str, seconds: float = 600.0) -> str:
    """Writes its process id to ``mark`` and sleeps."""
    Path(mark).write_text(str(os.getpid()))
    time.sleep(seconds)
    return "slept"


@agent("wait", resources=Resources(cpus=0.1), timeout_s=3.0)
def sleeps_too_long(mark: str) -> str:
    return sleeps(mark)


@agent("wait", resources=Resources(cpus=0.1))
def sleeps_with_a_child(mark: str) -> str:
    child = subprocess.Popen(["sleep", "600"])  # noqa: S607
    Path(mark).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)
    return ""


@agent("make", resources=Resources(cpus=0.1))
def makes(size: int) -> dict[str, Any]:
    return {"where": where_now(), "text": "x" * size}


@agent("make")
async def makes_in_host(size: int) -> dict[str, Any]:
    return {"where": where_now(), "text": "x" * size}


@agent("read")
async def reads(text: str) -> dict[str, Any]:
    return {"where": where_now(), "length": len(text)}


@agent("read")
async def reads_all(texts: list[str]) -> int:
    return sum(map(len, texts))


@agent("where")
async def where() -> str:
    return where_now()


@agent("where", resources=Resources(cpus=0.5))
def where_in_process() -> str:
    return where_now()


@agent("where", resources=Resources(gpus=1))
async def where_is_the_gpu(seconds: float = 0.0) -> tuple[str, float, float]:
    began = time.time()
    await asyncio.sleep(seconds)
    return where_now(), began, time.time()


@agent("where", resources=Resources(cpus=0.1, custom={"microscope": 1}))
def where_is_the_microscope(seconds: float = 0.0) -> tuple[str, float, float]:
    began = time.time()
    time.sleep(seconds)
    return where_now(), began, time.time()


@agent("where", resources=Resources(custom={"microscope": 1}))
async def where_is_the_microscope_async(seconds: float = 0.0) -> tuple[str, float, float]:
    began = time.time()
    await asyncio.sleep(seconds)
    return where_now(), began, time.time()


async def _publish(context: Context, staged: dict[str, bytes]) -> None:
    for name, data in staged.items():
        Path(name).write_bytes(data + context.idempotency_key.encode())  # noqa: ASYNC240 - a few bytes, in a test


@agent("tell_key")
async def tells_its_key(context: Context) -> str:
    return context.idempotency_key


@agent("publish", effect="stageable", promote=_publish)
async def publishes(path: str, text: str, context: Context) -> str:
    context.stage(path, text.encode())
    return "staged"


@agent("publish", effect="stageable", promote=_publish, resources=Resources(cpus=0.1))
def publishes_in_process(path: str, text: str, context: Context) -> str:
    context.stage(path, text.encode())
    return "staged"


def _append(context: Context, staged: dict[str, bytes]) -> None:
    for name, data in staged.items():
        with Path(name).open("ab") as file:
            file.write(data + context.idempotency_key.encode())


@agent("publish", effect="stageable", promote=_append)
async def publishes_by_appending(path: str, text: str, context: Context) -> str:
    context.stage(path, text.encode())
    return "staged"


def _publish_at_the_third_go(context: Context, staged: dict[str, bytes]) -> None:
    for name, data in staged.items():
        tries = Path(f"{name}.tries")
        made = len(tries.read_bytes()) if tries.exists() else 0
        tries.write_bytes(b"." * (made + 1))
        if made < 2:
            raise ConnectionError(f"try {made + 1} went wrong")
        Path(name).write_bytes(data)


@agent("publish", effect="stageable", promote=_publish_at_the_third_go, retry={"max_attempts": 3, "backoff_s": 0.01})
async def publishes_at_the_third_go(path: str, context: Context) -> str:
    context.stage(path, b"out")
    return "staged"


@agent("publish", effect="stageable", promote=_publish_at_the_third_go, retry={"max_attempts": 2, "backoff_s": 0.01})
async def publishes_never(path: str, context: Context) -> str:
    context.stage(path, b"out")
    return "staged"


def _verify(context: Context) -> Any:
    """Answers what the idempotency key says."""
    answer = context.idempotency_key.rpartition("-")[2]
    if answer == "breaks":
        raise ConnectionError("the bank is closed")
    if answer == "exits":
        raise SystemExit(3)
    return {"happened": Happened("paid"), "large": Happened("x" * 5000), "lie": Happened(5), "didnot": DidNot()}.get(
        answer, Unknown("no such account")
    )


@agent("pay", effect="irreversible", verify=_verify)
async def pays() -> str:
    return "paid"


async def _hang(context: Context) -> Any:
    await asyncio.Event().wait()


@agent("pay", effect="irreversible", verify=_hang)
async def pays_in_doubt() -> str:
    return "paid"


async def _publish_until_cancelled(context: Context, staged: dict[str, bytes]) -> None:
    for name in staged:
        Path(name).write_text(str(os.getpid()))  # noqa: ASYNC240 - as above
    await asyncio.Event().wait()


@agent("publish", effect="stageable", promote=_publish_until_cancelled)
async def publishes_until_cancelled(path: str, context: Context) -> str:
    context.stage(path, b"")
    return "staged"


async def _publish_and_cancel(context: Context, staged: dict[str, bytes]) -> None:
    raise asyncio.CancelledError


@agent("publish", effect="stageable", promote=_publish_and_cancel, retry={"max_attempts": 1})
async def publishes_and_cancels(context: Context) -> str:
    context.stage("x", b"")
    return "staged"


@agent("count", concurrency=2)
async def counted(seconds: float) -> tuple[float, float]:
    began = time.time()
    await asyncio.sleep(seconds)
    return began, time.time()


@agent("nothing")
async def nothing(after: Any = None) -> None:
    """Only passes through."""


@agent("nothing", resources=Resources(cpus=1))
def nothing_in_process(after: Any = None) -> None:
    """Only passes through."""


@agent("pid")
async def own_pid() -> int:
    return os.getpid()


@agent("pid", effect="irreversible")
async def own_pid_of_an_act() -> int:
    return os.getpid()


@agent("wait")
async def waits_and_tells_its_pid(seconds: float) -> int:
    await asyncio.sleep(seconds)
    return os.getpid()


@agent("wait")
async def spends(seconds: float) -> tuple[float, float]:
    began = time.time()
    await asyncio.sleep(seconds)
    return began, time.time()


@agent("wait", timeout_s=0.1)
async def blocks() -> None:
    time.sleep(600)  # noqa: ASYNC251 - the mistake under test


@agent("wait")
async def marks_its_end(mark: str) -> None:
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        Path(mark).write_text("cancelled")  # noqa: ASYNC240 - a few bytes, in a test
        raise


@agent("wait")
async def finishes_late(mark: str, seconds: float) -> str:
    await asyncio.sleep(seconds)
    Path(mark).write_text("done")  # noqa: ASYNC240 - as above
    return "late"


@agent("wait", resources=Resources(cpus=0.1))
def finishes_late_in_process(mark: str, seconds: float) -> str:
    time.sleep(seconds)
    Path(mark).write_text("done")
    return "late"


@agent("die", resources=Resources(cpus=0.1))
def exits_at_once() -> None:
    os._exit(3)


def where_now() -> str:
    return str(ray.get_runtime_context().get_node_id()) if ray.is_initialized() else "here"
