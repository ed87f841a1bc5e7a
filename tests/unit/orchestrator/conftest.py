"""The app over a gateway in memory, and a client that talks to it without a network."""

import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

# Ray Serve warns when it is first imported; benchmarks import it through the service.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ray.serve  # noqa: F401

from orchestrator.client.client import Client
from orchestrator.gateway.memory import MemoryGateway
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext
from orchestrator.settings import CallbackSettings, ClusterSettings, Http, LimitSettings, Settings
from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.resources import Resources

CATALOG = Catalog(
    agents=(
        AgentSpec(name="fetcher", capability="fetch"),
        AgentSpec(name="digester", capability="digest", quality=0.7),
        AgentSpec(name="giant", capability="simulate", resources=Resources(gpus=8)),
    )
)
NODES = ClusterSnapshot(nodes=(ClusterNode(id="n1", node_class="small", total=Resources(cpus=2)),))
SETTINGS = Settings(
    cluster=ClusterSettings(refresh_s=3600),
    http=Http(max_wait_s=5, heartbeat_s=0.05),
    limits=LimitSettings(max_body_bytes=20_000),
    callbacks=CallbackSettings(key="a key that signs"),
)


class _Switch:
    """The gateway of the test that runs: building an app takes longer than most tests."""

    current: MemoryGateway

    def __getattr__(self, name: str):
        return getattr(self.current, name)


@pytest.fixture(scope="session")
def built():
    switch = _Switch()
    return switch, build(IngressContext(switch, SETTINGS, CATALOG))


@pytest.fixture
def gateway() -> MemoryGateway:
    return MemoryGateway(NODES, max_queue=50)


@pytest.fixture
def app(built, gateway: MemoryGateway):
    switch, app = built
    switch.current = gateway
    return app


@pytest.fixture
async def http(app) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://forerun") as client:
        yield client


@pytest.fixture
async def client(app) -> AsyncIterator[Client]:
    async with Client("http://forerun", transport=httpx.ASGITransport(app, raise_app_exceptions=False)) as client:
        yield client


@pytest.fixture
def task() -> dict:
    return {
        "name": "a digest",
        "inputs": {"url": "https://example.org"},
        "workflow": {
            "steps": [
                {"id": "fetch", "capability": "fetch", "inputs": {"url": "$inputs.url"}},
                {"id": "digest", "capability": "digest", "inputs": {"text": "$steps.fetch.text"}},
            ]
        },
    }


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    file = tmp_path / "task.yaml"
    file.write_text("workflow:\n  steps:\n    - {id: fetch, capability: fetch, inputs: {url: x}}\n")
    return file
