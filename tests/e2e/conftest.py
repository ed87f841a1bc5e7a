"""A real `forerun up` in a process of its own, shared by the scenarios; how it ends is a test as well."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import live_service
import pytest
from live_service import Service, alive, assert_gone, clean_environment, family

from orchestrator.client.client import Client

__all__ = ["Service", "alive", "assert_gone", "clean_environment", "family", "restart", "started"]

_HERE = Path(__file__).parent
# A guard against hangs: a command imports for seconds on a busy machine.
_COMMAND_S = 300


_SERVED = {"FORERUN_HTTP__A2A": "true", "FORERUN_HTTP__MCP": "true"}
# Given to agents, which tell them wherever they can: nothing that the service keeps or says may hold them.
PLANTED = {"PLANTED_TOKEN": "planted-in-the-environment", "PLANTED_KEY": "planted-in-a-file"}


def started(data_dir: Path, *flags: str, environment: Mapping[str, str] | None = None) -> Service:
    """Start a service with the catalog of these tests, which others can use over A2A and MCP."""
    secret = data_dir.parent / f"{data_dir.name}-secret"
    secret.write_text(PLANTED["PLANTED_KEY"] + "\n", encoding="utf-8")
    given = {"PLANTED_TOKEN": PLANTED["PLANTED_TOKEN"], "PLANTED_KEY_FILE": str(secret)}
    served = _SERVED | given | dict(environment or {})
    return live_service.started(data_dir, *flags, catalog=_HERE / "catalog.yaml", environment=served)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that end the shared service come last, so that it is seldom started again."""
    last = ("test_lost_processes_of_ray.py", "test_how_it_ends.py")
    here = [number for number, item in enumerate(items) if item.path.parent == _HERE]
    ordered = sorted(
        (items[number] for number in here),
        key=lambda item: last.index(item.path.name) if item.path.name in last else -1,
    )
    for number, item in zip(here, ordered, strict=True):
        items[number] = item


def restart(service: Service, *flags: str) -> None:
    """Start a service that has ended again, on its journal."""
    with service.process:  # closes its pipe
        pass
    again = started(service.log.parent, *flags)
    service.process, service.url, service.log = again.process, again.url, again.log


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all scenarios; those that end it start it again, but for the last."""
    running = started(tmp_path_factory.mktemp("up"))
    yield running
    if running.process.poll() is not None:
        return
    processes = running.descendants()
    assert running.terminate() == 0, running.log.read_text()
    assert_gone(processes)


@pytest.fixture(scope="session")
def planted() -> tuple[str, ...]:
    """Secrets that agents of the service are given."""
    return tuple(PLANTED.values())


@pytest.fixture
def client(service: Service) -> Iterator[Any]:
    """The client without await: these tests are what a user's script would be."""
    with Client.sync(service.url) as client:
        yield client


@pytest.fixture
def forerun(service: Service) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command as a user types it."""

    def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "orchestrator.cli", *arguments, "--url", service.url]
        return subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False, **more)  # noqa: S603

    return run
