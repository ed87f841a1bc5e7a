"""Several hosts on one machine: network namespaces on a bridge of their own. Needs root and iproute2."""

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T")
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def missing() -> str | None:
    """What keeps this machine from having such hosts; None: nothing."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "install the Debian package iproute2"
    return None


@dataclass(frozen=True)
class Host:
    """One of them. The bridge, in a namespace of its own, has the other end of its link."""

    namespace: str
    address: str
    link: str
    bridge: str

    def command(self, *argv: str) -> list[str]:
        """The command, run on this host."""
        return ["ip", "netns", "exec", self.namespace, *argv]

    def cut(self) -> None:
        """Take its link down: nothing comes in, nothing goes out, and nobody is told."""
        _ip("-n", self.bridge, "link", "set", self.link, "down")

    def heal(self) -> None:
        """Take its link up again."""
        _ip("-n", self.bridge, "link", "set", self.link, "up")

    def pids(self) -> set[int]:
        """The processes that run on it."""
        told = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, text=True, check=False)  # noqa: S603, S607
        return {int(pid) for pid in told.stdout.split()}

    def _enter(self) -> None:
        """Move the calling thread here."""
        with Path(f"/run/netns/{self.namespace}").open("rb") as namespace:
            if _LIBC.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def call(self, function: Callable[[], _T], timeout_s: float = 60.0) -> _T:
        """Call a blocking function in a thread whose new sockets are this host's."""
        outcome: dict[str, Any] = {}

        def work() -> None:
            try:
                self._enter()
                outcome["value"] = function()
            except BaseException as error:  # noqa: BLE001 - raised again where it was called
                outcome["error"] = error

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(timeout_s)
        if thread.is_alive():
            raise TimeoutError(f"no answer on {self.namespace} within {timeout_s} s")
        if "error" in outcome:
            raise outcome["error"]
        return outcome["value"]  # type: ignore[no-any-return]


@contextmanager
def network(*numbers: int) -> Iterator[dict[int, Host]]:
    """Hosts 10.77.0.N. At the end whatever still runs in them is killed and they are gone."""
    tag = f"fr{os.getpid() % 100_000}"
    bridge = f"{tag}b"
    hosts = {n: Host(f"{tag}h{n}", f"10.77.0.{n}", f"{tag}l{n}", bridge) for n in numbers}
    try:
        _ip("netns", "add", bridge)
        _ip("-n", bridge, "link", "add", "br0", "type", "bridge")
        _ip("-n", bridge, "link", "set", "br0", "up")
        for host in hosts.values():
            _ip("netns", "add", host.namespace)
            veth = ("link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
            _ip("-n", bridge, *veth)
            _ip("-n", bridge, "link", "set", host.link, "master", "br0", "up")
            _ip("-n", host.namespace, "addr", "add", f"{host.address}/24", "dev", "eth0")
            _ip("-n", host.namespace, "link", "set", "eth0", "up")
            _ip("-n", host.namespace, "link", "set", "lo", "up")
        yield hosts
    finally:
        for host in hosts.values():
            for pid in host.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)
        for namespace in (*(host.namespace for host in hosts.values()), bridge):
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", namespace)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)  # noqa: S603, S607
