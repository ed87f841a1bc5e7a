"""A real `forerun up` in a process of its own, and the processes below it."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

# Hang guards: a machine on which much else runs takes minutes.
_START_S = 360
_END_S = 300
_LOOK_S = 0.1


@dataclass
class Service:
    """A running `forerun up`."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def descendants(self) -> set[int]:
        """All processes that it has started, directly or not."""
        return family(self.process.pid) - {self.process.pid}

    def interrupt(self) -> int:
        """Ctrl-C: SIGINT to the whole foreground group, as a terminal does; the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self._ended()

    def terminate(self) -> int:
        """SIGTERM, as a container's runtime does; the exit code."""
        self.process.terminate()
        return self._ended()

    def _ended(self) -> int:
        with self.process:
            return self.process.wait(_END_S)


def started(
    data_dir: Path,
    *flags: str,
    catalog: Path,
    environment: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> Service:
    """Start it and read its ready line.

    ``environment``: variables besides those of a user who has set none of ours. ``prefix``: a command that runs it
    somewhere else, a network namespace for example.
    """
    log = data_dir / f"up-{time.monotonic_ns()}.log"
    command = [*prefix, sys.executable, "-m", "orchestrator.cli", "up", "--json", "--port", "0", "--num-cpus", "2"]
    command += ["--catalog", str(catalog), "--data-dir", str(data_dir), *flags]
    with log.open("w") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
            env=clean_environment(environment),
        )
    try:
        return Service(process, _url(process, log), log)
    except BaseException:  # the test's time is over, for example
        _kill(process)
        raise


def _url(process: "subprocess.Popen[str]", log: Path) -> str:
    """What its ready line says."""
    said: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(process, said), daemon=True).start()
    text, end_s = "", time.monotonic() + _START_S
    while True:
        try:
            text += said.get(timeout=0.5)
            return str(json.loads(text)["url"])
        except json.JSONDecodeError:
            continue
        except queue.Empty:
            if process.poll() is None and time.monotonic() < end_s:
                continue
            pytest.fail(f"not ready: {text} {log.read_text()}")


def _kill(process: "subprocess.Popen[str]") -> None:
    with process:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment without what concerns Forerun or Ray, and ``more``."""
    ours = ("FORERUN_", "RAY_", "PYTHONPATH")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(ours)}, **(more or {})}


def _read(process: subprocess.Popen[str], said: "queue.Queue[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        said.put(line)


def family(pid: int) -> set[int]:
    """This process and all that it has started, directly or not."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(status.parent.name)] = int(fields[1])
    found, growing = {pid}, True
    while growing:
        more = {child for child, parent in parents.items() if parent in found} - found
        found |= more
        growing = bool(more)
    return found


def assert_gone(pids: set[int]) -> None:
    """No process of an ended service is left. Those that it has killed take a moment on a busy machine."""
    end_s = time.monotonic() + _END_S
    while alive(pids) and time.monotonic() < end_s:
        time.sleep(_LOOK_S)  # they are children of Ray's, which nothing tells us of
    left = {pid: _command(pid) for pid in pids if alive({pid})}
    assert left == {}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()[:80]
    except OSError:  # it has ended
        return ""


def alive(pids: set[int]) -> set[int]:
    """Those that are there and no zombies."""
    there = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            there.add(pid)
    return there
