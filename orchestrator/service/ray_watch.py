"""Notices that Ray has died, by the TCP ports of its processes: calls into Ray hang once one of them is gone."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psutil
import ray

from orchestrator.service.child_processes import runs
from orchestrator.settings import ClusterSettings

_INTERVAL_S = 1.0
_CONNECT_TIMEOUT_S = 2.0
_GONE_S, _LOOK_S = 5.0, 0.02
# A local process that refuses connections is dead. The head of a cluster may be restarted by its operator; Ray itself
# waits for it for 60 s.
_LOCAL_FAILURES = 2
_REMOTE_FAILURES = 60


@dataclass(frozen=True)
class RayProcess:
    """A process of Ray: where it listens, and after how many failed connections in a row it counts as dead."""

    title: str
    host: str
    port: int
    max_failures: int = _LOCAL_FAILURES

    @property
    def answers(self) -> bool:
        """Whether it accepts a connection."""
        try:
            socket.create_connection((self.host, self.port), _CONNECT_TIMEOUT_S).close()
        except OSError:
            return False
        return True


@dataclass
class RayWatch:
    """Checks the processes in a thread of its own; calls ``on_death`` once, with `dead` set, when one has died."""

    processes: tuple[RayProcess, ...]
    on_death: Callable[[], None]
    dead: RayProcess | None = None
    _children: list[psutil.Process] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _failures: dict[RayProcess, int] = field(default_factory=dict)

    def start(self) -> None:
        """Check once a second from now on."""
        threading.Thread(target=self._run, daemon=True, name="forerun-ray-watch").start()

    def stop(self) -> None:
        """Stop checking."""
        self._stopped.set()

    def check(self) -> bool:
        """Check every process once; whether all of them count as alive."""
        for process in self.processes:
            self._failures[process] = 0 if process.answers else self._failures.get(process, 0) + 1
            if self._failures[process] >= process.max_failures:
                self.dead = process
                return False
        # Noted while all is well: children of a process that has died cannot be found any more.
        self._children = psutil.Process().children(recursive=True)
        return True

    def kill_children(self) -> None:
        """End what a dead process has left behind. Ray's agents would wait for their control store for a minute."""
        left = [*self._children, *_members(self.processes)]
        for child in left:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        # Until they are gone they may hold a port.
        until_s = time.monotonic() + _GONE_S
        while any(runs(child) for child in left) and time.monotonic() < until_s:
            time.sleep(_LOOK_S)

    def _run(self) -> None:
        while not self._stopped.wait(_INTERVAL_S):
            if not self.check():
                self.on_death()
                return


def _members(processes: Iterable[RayProcess]) -> Iterator[psutil.Process]:
    """The processes of a local cluster, by the control store they were told to join; some may have started just now."""
    joined = tuple(f"address={one.host}:{one.port}" for one in processes if one.max_failures == _LOCAL_FAILURES)
    for process in psutil.process_iter(["cmdline"]):
        if any(argument.endswith(joined) for argument in process.info["cmdline"] or ()):
            yield process


def ray_processes(cluster: ClusterSettings) -> tuple[RayProcess, ...]:
    """The processes that this service cannot do without. Call it while Ray is up."""
    if cluster.through_client:
        address = urlsplit(str(cluster.address))
        return (RayProcess("Ray's client server", str(address.hostname), address.port or 10001, _REMOTE_FAILURES),)
    context = ray.get_runtime_context()
    host, _, port = context.gcs_address.rpartition(":")
    max_failures = _LOCAL_FAILURES if cluster.address is None else _REMOTE_FAILURES
    control_store = RayProcess("Ray's control store (GCS)", host.strip("[]"), int(port), max_failures)
    return (*_raylets(ray.nodes(), context.get_node_id()), control_store)  # type: ignore[no-untyped-call] # Ray's


def _raylets(nodes: Iterable[dict[str, Any]], node: str) -> Iterable[RayProcess]:
    return (
        RayProcess("Ray's node manager (raylet)", entry["NodeManagerAddress"], entry["NodeManagerPort"])
        for entry in nodes
        if entry["NodeID"] == node
    )
