"""`forerun up --address` on a Ray cluster of somebody else's, which asks for a token."""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.client.client import Client

from .conftest import alive, clean_environment, family, started

_TOKEN = "a-token-of-the-joined-cluster-0123456789"  # noqa: S105 - it opens nothing but the cluster of this test
_START_S = 300
_END_S = 120
_ADDITION = {"workflow": {"steps": [{"id": "sum", "capability": "add", "inputs": {"numbers": [2, 3]}}]}}


@dataclass
class Head:
    """What `ray start --head` has started."""

    address: str
    process: "subprocess.Popen[bytes]"


def _free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, between those of Ray's workers and those that the kernel gives to connections."""
    with ExitStack() as held:
        found: list[int] = []
        for port in random.sample(range(20_000, 32_000), 1_000):
            probe = held.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind(("", port))
                found.append(port)
            if len(found) == count:
                return found
    pytest.fail("no port is free")


@pytest.fixture
def homeless(tmp_path: Path) -> dict[str, str]:
    """A user who has no token at home."""
    return clean_environment({"HOME": str(tmp_path)})


@pytest.fixture
def head(homeless: dict[str, str], tmp_path: Path) -> Iterator[Head]:
    """A head that asks for a token, on ports and in a folder of its own; ended by its process."""
    gcs, client, agent = _free_ports(3)
    with tempfile.TemporaryDirectory(prefix="fj-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=2"]
        command += [f"--port={gcs}", f"--ray-client-server-port={client}", f"--dashboard-agent-listen-port={agent}"]
        command += ["--node-ip-address=127.0.0.1", "--include-dashboard=false", "--disable-usage-stats"]
        command += ["--object-store-memory=100000000", f"--temp-dir={folder}"]
        environment = {**homeless, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _TOKEN}
        log = tmp_path / "head.log"
        with log.open("wb") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said, env=environment, cwd=folder)  # noqa: S603
        try:
            _await(process, log)
            yield Head(f"127.0.0.1:{gcs}", process)
        finally:
            _end(process)


def _await(process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _START_S
    while "Ray runtime started" not in log.read_text():
        if process.poll() is not None or time.monotonic() > until:
            pytest.fail(f"the head did not start: {log.read_text()}")
        time.sleep(0.1)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM to the head, which ends its own; then whatever is left of them, by id."""
    own = family(process.pid)
    process.terminate()
    try:
        process.wait(_END_S)
    finally:
        for pid in alive(own):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.ray
def test_a_task_is_served_on_a_cluster_that_is_joined_with_its_token_and_refused_without(
    head: Head, homeless: dict[str, str], tmp_path: Path
) -> None:
    wrong: list[dict[str, str]] = [{}, {"RAY_AUTH_TOKEN": "another-token"}]
    tried = [_try(head, {**homeless, **token}, tmp_path / f"tried-{n}") for n, token in enumerate(wrong)]
    for attempt in tried:
        _, told = attempt.communicate(timeout=_START_S)
        assert attempt.returncode == 4, told
        assert "token is missing or not the cluster's" in told
        assert "RAY_AUTH_TOKEN" in told.partition("fix:")[2]

    entitled = {"HOME": str(tmp_path), "RAY_AUTH_TOKEN": _TOKEN}
    service = started(tmp_path, "--address", head.address, "--ingress", "direct", environment=entitled)
    try:
        with Client.sync(service.url) as client:
            view = client.wait(client.submit(_ADDITION).id, _START_S)
        assert view.outputs == {"sum": 5}, view.failure
    finally:
        assert service.terminate() == 0, service.log.read_text()
    assert head.process.poll() is None  # what others run is not ours to end


def _try(head: Head, environment: dict[str, str], data_dir: Path) -> "subprocess.Popen[str]":
    """Join as a user who has no token or another one; Ray insists for a moment only."""
    command = [sys.executable, "-m", "orchestrator.cli", "up", "--port", "0", "--address", head.address]
    command += ["--data-dir", str(data_dir)]
    impatient = {**environment, "RAY_NUM_REDIS_GET_RETRIES": "1"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=impatient)  # noqa: S603
