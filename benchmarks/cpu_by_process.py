"""CPU seconds of the processes of a service, by what they are."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress

import psutil

# Titles of Ray's processes -> what they are called here.
_NAMES = {
    "ray::ReconcilerActor": "shard",
    "ray::IngressShard": "shard",
    "ray::ServeReplica": "ingress",
    "ray::ProxyActor": "serve proxy",
    "ray::ServeController": "serve controller",
    "ray::PlannerActor": "planner",
    "ray::LearnerActor": "learner",
    "ray::Host": "host",
    "raylet": "raylet",
    "gcs_server": "gcs",
}


def cpu_s() -> dict[int, tuple[str, float]]:
    """Process id -> its name and the CPU seconds it has used, for all processes that this one has started."""
    found = {}
    for process, name in named_processes():
        with suppress(psutil.Error):
            times = process.cpu_times()
            found[process.pid] = (name, times.user + times.system)
    return found


def named_processes() -> list[tuple[psutil.Process, str]]:
    """All processes that this one has started, with their names."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            found.append((process, _name(process)))
    return found


def cpu_ms_per_task(
    before: Mapping[int, tuple[str, float]], after: Mapping[int, tuple[str, float]], tasks: int
) -> dict[str, float]:
    """CPU milliseconds for each task by name of process, the dearest first, and their sum."""
    used: defaultdict[str, float] = defaultdict(float)
    for pid, (name, seconds) in after.items():
        used[name] += seconds - before.get(pid, ("", 0.0))[1]
    dearest = sorted(used.items(), key=lambda one: -one[1])
    by_name = {name: round(1e3 * seconds / tasks, 2) for name, seconds in dearest if seconds > 0}
    return {**by_name, "all": round(1e3 * sum(used.values()) / tasks, 2)}


def _name(process: psutil.Process) -> str:
    command = process.cmdline()
    title = command[0].rpartition("/")[2] if command else process.name()
    for known, name in _NAMES.items():
        if title.startswith(known):
            return name
    return "others"
