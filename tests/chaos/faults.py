"""Faults on real processes: kill -9 and SIGSTOP of whatever plays a role in the service, found by its command line."""

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from random import Random

from live_service import Service, alive, family

# Role -> how the process calls itself. Ray names the process of an actor after its class while a method runs.
ROLES = {
    "host": ("ray::Host",),
    "worker": ("ray::agent:", "ray::worker", "ray::IDLE"),
    "shard": ("ray::ReconcilerActor",),
    "planner": ("ray::PlannerActor",),
    "learner": ("ray::LearnerActor",),
    "replica": ("ray::ServeReplica",),
    "proxy": ("ray::ProxyActor",),
    "raylet": ("raylet",),
    "gcs": ("gcs_server",),
}
# The service ends when one of these is gone, and says so.
FATAL = frozenset({"raylet", "gcs", "everything"})
FAULTS = (*ROLES, "everything", "stop host", "stop shard", "stop replica")
STOPPED_S = 2.0


def processes_of(service: Service, role: str) -> list[int]:
    """The live processes of a role, below this service and no other."""
    found = []
    for pid in sorted(alive(family(service.process.pid))):
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            if command.startswith(ROLES[role]) or name in ROLES[role]:
                found.append(pid)
    return found


def inject(service: Service, fault: str, random: Random) -> bool:
    """Do it; whether there was anything to do it to."""
    if fault == "everything":
        for pid in [service.process.pid, *sorted(service.descendants())]:
            _send(pid, signal.SIGKILL)
        return True
    role = fault.removeprefix("stop ")
    found = processes_of(service, role)
    if not found:
        return False
    pid = random.choice(found)
    if fault.startswith("stop "):
        _send(pid, signal.SIGSTOP)
        threading.Timer(STOPPED_S, _send, (pid, signal.SIGCONT)).start()
    else:
        _send(pid, signal.SIGKILL)
    return True


def _send(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)
