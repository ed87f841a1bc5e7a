"""A service in a process of its own, as `forerun up --json` starts it."""

import json
import subprocess
from contextlib import suppress

import psutil


def url_of(process: "subprocess.Popen[str]") -> str:
    """The URL in the JSON that a service prints when it is ready.

    Raises:
        RuntimeError: it has ended before.
    """
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        with suppress(json.JSONDecodeError):
            return str(json.loads(said)["url"])
    raise RuntimeError(f"the service has not started: {said}")


def family(pid: int) -> list[psutil.Process]:
    """The process and all that it has started, directly or not."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def family_cpu_s(pid: int) -> float:
    """CPU seconds that they have used."""
    used_s = 0.0
    for process in family(pid):
        with suppress(psutil.Error):
            times = process.cpu_times()
            used_s += times.user + times.system
    return used_s
