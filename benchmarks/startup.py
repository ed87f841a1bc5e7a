"""How soon a service is ready: `forerun up` with each ingress, beside a bare Ray Serve application, in turn."""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from pydantic import PositiveInt

from benchmarks.progress import tracked
from benchmarks.service_process import family, family_cpu_s, url_of
from orchestrator.service.addresses import with_port
from orchestrator.settings import Http

_CATALOG = """
agents:
  - {name: async-agent, capability: async, target: "benchmarks.peers.workload:pass_on", expected_s: 0.001}
  - {name: sync-agent, capability: sync, target: "benchmarks.peers.workload:pass_on_sync", expected_s: 0.001}
"""
_POLL_S = 0.01
_START_S = _END_S = 120.0
VARIANTS = ("direct", "serve", "bare")


def run(rounds: PositiveInt = 5) -> dict[str, Any]:
    """Start a service with direct ingress, one through Serve, and a bare Serve application, in turn, ``rounds`` times.

    ``ready_s``: medians of the seconds from the start of the process until it answers a request; of Forerun, one
    whether tasks can be submitted. ``cpu_s``: what all its processes have used by then. ``over_bare``: the same of
    Forerun through Serve, divided by that of the bare application, the median over the rounds. A service has a new
    data directory each time.
    """
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for number in tracked(range(rounds), "rounds"):
        for variant in _turned(VARIANTS, number):
            found[variant].append(_started(variant))
    return {
        "rounds": rounds,
        "ready_s": {variant: statistics.median(ready_s for ready_s, _ in found[variant]) for variant in VARIANTS},
        "cpu_s": {variant: statistics.median(cpu_s for _, cpu_s in found[variant]) for variant in VARIANTS},
        "over_bare": statistics.median(
            ours / bare for (ours, _), (bare, _) in zip(found["serve"], found["bare"], strict=True)
        ),
    }


def _turned(variants: Sequence[str], number: int) -> list[str]:
    """The variants from another one on in each round: whatever goes before warms up the page cache."""
    at = number % len(variants)
    return [*variants[at:], *variants[:at]]


def _started(variant: str) -> tuple[float, float]:
    """Seconds until it is ready, and the CPU seconds it has used by then."""
    with tempfile.TemporaryDirectory(prefix="forerun-startup-") as folder:
        began_s = time.perf_counter()
        with _running(_command(variant, Path(folder)), Path(folder)) as process:
            _wait_until_ready(f"{url_of(process)}/readyz", began_s)
            return time.perf_counter() - began_s, family_cpu_s(process.pid)


def _command(variant: str, folder: Path) -> list[str]:
    if variant == "bare":
        return [sys.executable, "-m", "benchmarks.bare_serve", str(with_port(Http(port=0)).port)]
    catalog = folder / "catalog.yaml"
    catalog.write_text(_CATALOG, encoding="utf-8")
    up = [sys.executable, "-m", "orchestrator.cli", "up", "--json", "--port", "0", "--ingress", variant]
    return [*up, "--catalog", str(catalog), "--data-dir", str(folder / "data")]


@contextmanager
def _running(command: Sequence[str], folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process in a session of its own, which is asked to end afterwards, with all that it has started."""
    with (folder / "errors.log").open("w") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True, env=_environment()
        )
        with process:
            try:
                yield process
            finally:
                started = family(process.pid)
                process.terminate()
                try:
                    process.wait(_END_S)
                finally:
                    _end(started)


def _environment() -> Mapping[str, str]:
    """Without what concerns Forerun and Ray in this one."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("FORERUN_", "RAY_"))}


def _wait_until_ready(url: str, began_s: float) -> None:
    """Ask until an answer comes.

    Raises:
        TimeoutError: there is none after two minutes.
    """
    while time.perf_counter() - began_s < _START_S:
        with suppress(httpx.HTTPError):
            if httpx.get(url, timeout=_START_S, trust_env=False).is_success:
                return
        time.sleep(_POLL_S)  # another process begins to listen
    raise TimeoutError(f"no answer from {url}")


def _end(started: Sequence[psutil.Process]) -> None:
    """End what Ray has left behind: the bare application does not shut it down."""
    for process in started:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(started, timeout=_END_S)
