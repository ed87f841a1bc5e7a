"""A Ray cluster of three hosts in network namespaces, and a service that was started on the first."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from live_service import Service, clean_environment, started
from network_hosts import Host, missing, network

TOKEN = "a-token-of-the-cluster-of-hosts-0123456789"  # noqa: S105 - it opens nothing but the cluster of these tests
_START_S = 120


@dataclass
class Hosts:
    """The cluster: ``head`` runs Ray's head and the service, ``workers`` a raylet each."""

    head: Host
    workers: list[Host]
    service: Service
    folder: Path

    @property
    def address(self) -> str:
        return f"{self.head.address}:6399"


def environment(home: Path, token: str = TOKEN) -> dict[str, str]:
    """What a user of the cluster has set."""
    return {"HOME": str(home), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}


@contextmanager
def raylet(host: Host, home: Path, *flags: str) -> Iterator[None]:
    """Ray on a host, in a folder of its own; ready on entry, killed with all it has started on exit."""
    folder = tempfile.mkdtemp(prefix="fh-", dir="/tmp")
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *flags, "--block", "--disable-usage-stats"]
    command += [f"--node-ip-address={host.address}", "--object-store-memory=80000000", f"--temp-dir={folder}"]
    agents = str(Path(__file__).parent)
    path = os.pathsep.join([agents, *filter(None, [os.environ.get("PYTHONPATH")])])
    log = home / f"{host.namespace}.log"
    with log.open("wb") as told:
        process = subprocess.Popen(  # noqa: S603 - our own command
            host.command(*command),
            stdout=told,
            stderr=told,
            env=clean_environment({**environment(home), "PYTHONPATH": path}),
            cwd=folder,
        )
    try:
        wait_for(log, "Ray runtime started")
        yield
    finally:
        for pid in host.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(log: Path, text: str) -> None:
    until = time.monotonic() + _START_S
    while text not in log.read_text():
        if time.monotonic() > until:
            pytest.fail(f"{log.name} does not say '{text}': {log.read_text()}")
        time.sleep(0.1)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    if (why := missing()) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    home = tmp_path_factory.mktemp("hosts")
    with ExitStack() as up:
        head, *workers = up.enter_context(network(2, 3, 4)).values()
        up.enter_context(raylet(head, home, "--head", "--port=6399", "--num-cpus=1", "--include-dashboard=false"))
        for worker in workers:
            up.enter_context(raylet(worker, home, f"--address={head.address}:6399", "--num-cpus=1"))
        service = started(
            home,
            "--address",
            f"{head.address}:6399",
            catalog=Path(__file__).with_name("catalog.yaml"),
            environment=environment(home),
            prefix=head.command(),
        )
        yield Hosts(head, workers, service, home)
        service.terminate()
