"""What the process of an agent notices about it: effects and proposals that it does not declare, and code that blocks.

Notices are lines of the attempt's log, and they travel with its end, so that the executor logs each of them once.
Effects are noticed by an audit hook of the interpreter, which sees no more than what the agent's own context does:
threads that it starts without passing its context on are not seen.
"""

import os
import sys
import tempfile
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from actors.invocation import Invocation, Result
from actors.logs.current import current_capture
from planners.model import AttemptId
from reconciler.views.logs import LogLevel, LogStream
from reconciler.views.progress import NOTICE

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
_NETWORK = frozenset({"socket.connect", "socket.sendto", "socket.bind"})
# Written by the interpreter and by libraries on an agent's behalf, or not stored at all.
_NO_EFFECT = ("/dev/", "/proc/", "/sys/")
_FIX = "declare effect: idempotent, stageable or irreversible, or pure if that does no harm"

_TO_PROPOSE = "declare proposes: true, or leave next out"


@dataclass(slots=True)
class Watched:
    """An attempt whose agent declares no effect. ``effects``: the first of each kind. ``around``: see `unwatch`."""

    agent: str
    folder: str
    temporary: str
    around: "Watched | None"
    effects: dict[str, str] | None = None


_watched: ContextVar[Watched | None] = ContextVar("watched", default=None)
_blocks: dict[AttemptId, str] = {}


def watch(call: Invocation) -> Watched | None:
    """Watch what an attempt does in this context until `unwatch`, if its agent declares no effect."""
    if not call.watched:
        return None
    _install()
    folder = sys.intern(os.getcwd())  # noqa: PTH109 -- a quarter of the time
    # The folder for temporary files is found here: its lock is held while an agent that asks first opens a file.
    watched = Watched(call.agent, folder, tempfile.gettempdir(), _watched.get())
    _watched.set(watched)
    return watched


def unwatch(watched: Watched | None) -> None:
    """Stop watching."""
    if watched is not None:
        _watched.set(watched.around)


def with_notices(result: Result, call: Invocation, watched: Watched | None) -> Result:
    """The result with what was noticed during the attempt."""
    agent = f"agent '{call.agent}' declares no effect, so it counts as pure and may run speculatively"
    notices = [f"{agent}, but it {effect}; {_FIX}" for effect in ((watched and watched.effects) or {}).values()]
    if (block := _blocks.pop(call.attempt, None)) is not None:
        notices.append(block)
    handoff = result.ended.handoff
    if handoff is not None and handoff.next is not None and not call.proposes:
        notices.append(f"agent '{call.agent}' proposes what is to be done `next`, but that is not run; {_TO_PROPOSE}")
    if not notices:
        return result
    if (capture := current_capture()) is not None:
        for notice in notices:
            capture.add(LogLevel.WARNING, LogStream.FORERUN, NOTICE, notice)
    return replace(result, ended=replace(result.ended, notices=tuple(notices)))


def note_block(call: Invocation, where: str, seconds: float) -> None:
    """The attempt has held the event loop that it shares for so long. Called from another thread."""
    _blocks[call.attempt] = (
        f"agent '{call.agent}' has held the event loop that it shares for more than {seconds:g} s at {where}; "
        "await what blocks, run it by asyncio.to_thread, or declare the agent with def instead of async def"
    )


@cache
def _install() -> None:
    """Add the hook, which cannot be removed again; it costs 0.1 us an event while nothing is watched."""
    # Looked up now: the first lookup writes a file while it holds a lock, and the hook would wait for that lock.
    tempfile.gettempdir()
    sys.addaudithook(_audit)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" and event not in _NETWORK:
        return
    watched = _watched.get(None)
    if watched is None:
        return
    effects = watched.effects = watched.effects or {}
    if event == "open":
        _opened(watched, effects, *args)
    elif "network" not in effects:
        effects["network"] = f"opens a socket ({args[1] if len(args) > 1 else event})"


def _opened(watched: Watched, effects: dict[str, str], path: Any, _mode: Any, flags: Any) -> None:
    if "file" in effects or not isinstance(path, str | bytes) or not isinstance(flags, int):
        return
    if not flags & _WRITES:
        return
    name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 -- a hook that runs for every file
    harmless = (watched.folder + os.sep, watched.temporary + os.sep, *_NO_EFFECT)
    if not name.startswith(harmless) and "__pycache__" not in name:
        effects["file"] = f"writes a file outside its folder ({Path(name)})"
