"""Run Forerun in its own process, as a user starts it, and stop it without leaving processes behind."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from forerun import CannotStart

_START_S = 180.0
_STOP_S = 40.0
_FORERUN = [sys.executable, "-c", "from orchestrator.cli import main; main()"]


@contextmanager
def service(catalogs: Sequence[Path], variables: Mapping[str, str]) -> Iterator[str]:
    """Run `forerun up` with these catalogs merged, on a free port; yields the URL.

    Args:
        catalogs: YAML files, each with ``agents``.
        variables: environment variables for the service, added to the current ones.

    Raises:
        CannotStart: it ended before it was ready, or took over three minutes; the message has its last output.
    """
    with tempfile.TemporaryDirectory(prefix="forerun-demo-", ignore_cleanup_errors=True) as folder:
        here = Path(folder)
        agents = [agent for path in catalogs for agent in yaml.safe_load(path.read_text(encoding="utf-8"))["agents"]]
        (here / "catalog.json").write_text(json.dumps({"agents": agents}), encoding="utf-8")
        command = [*_FORERUN, "up", "--json", "--port", "0"]
        command += ["--catalog", str(here / "catalog.json"), "--data-dir", str(here / "data")]
        with (here / "log").open("w+", encoding="utf-8") as log, ended_by_signals():
            # In its own session Ctrl-C does not reach the service, and all processes that it started can be identified.
            process = subprocess.Popen(  # noqa: S603 - a fixed command without user input
                command, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **variables}, start_new_session=True
            )
            try:
                yield _ready_url(process, here / "log")
            finally:
                _end(process)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block with SystemExit, so that it cleans up. While it does, they are ignored."""
    ending = False

    def end(number: int, _frame: object) -> None:
        nonlocal ending
        if not ending:
            ending = True
            raise SystemExit(128 + number)

    handled = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ready_url(process: subprocess.Popen[bytes], log: Path) -> str:
    """The URL in the ready message (JSON, possibly over several lines)."""
    assert process.stdout is not None
    until, said = time.monotonic() + _START_S, b""
    while time.monotonic() < until:
        readable, _, _ = select.select([process.stdout], [], [], 0.5)
        piece = os.read(process.stdout.fileno(), 65536) if readable else b""
        said += piece
        with suppress(ValueError):
            return str(json.loads(said)["url"])
        if readable and not piece:
            break
    last = log.read_text(encoding="utf-8", errors="replace").strip()[-2000:]
    raise CannotStart(f"the service did not start:\n{last}", "", "run `forerun up` on its own to see why")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_STOP_S)
    until = time.monotonic() + 5
    while (left := processes_of_session(process.pid)) and time.monotonic() < until:
        time.sleep(0.1)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def processes_of_session(session: int) -> list[int]:
    """Ids of the live processes of a session; empty on systems without /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            # The name in parentheses may contain anything; state, parent, group and session follow it.
            state, _parent, _group, its_session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                found.append(int(stat.parent.name))
    return found
