"""What an attempt that waits in a host keeps in its shard: its step, its plan, its events and its order."""

import asyncio
import sys
from types import SimpleNamespace

import pytest
from attempts import until
from host_here import HereExecutor
from traced_memory import kept_bytes

from actors.executor.host import HostProcess
from actors.executor.host_link import HostLink
from actors.executor.hosts import RunningHost
from orchestrator.local import service as local
from orchestrator.local.ports import NODE
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.model import AgentName
from planners.resources import Resources
from planners.tasks import Task

AGENTS = 600
# Python 3.13 shares the names of fields less well: see `planners.model`.
MOST_BYTES = 4_000 if sys.version_info < (3, 13) else 4_400
CATALOG = Catalog(
    agents=(
        AgentSpec(
            name=AgentName("nap"),
            capability="nap",
            kind=AgentKind.ASYNC,
            target="asyncio:sleep",
            resources=Resources(),
            expected_s=600.0,
        ),
    )
)


class SilentHost:
    """Takes all orders and never answers."""

    def __init__(self):
        self.take = SimpleNamespace(remote=lambda *_: asyncio.sleep(0))
        self.exchange = SimpleNamespace(remote=lambda _: asyncio.get_running_loop().create_future())


class Silent(HereExecutor):
    def __init__(self, catalog, folder):
        super().__init__(catalog, folder)
        host = SilentHost()
        self._running = RunningHost(NODE, host, HostLink(host), HostProcess(0, ""))
        self._hosts = SimpleNamespace(ready=lambda _: self._running)

    def _cancelled(self, attempts):
        """They wait nowhere."""

    def close(self):
        """Nothing has started."""

    def waiting(self):
        return sum(one.began_s is not None for live in self._live.values() for one in live.values())


def fan(width: int) -> Task:
    steps = [{"id": "step", "capability": "nap", "inputs": {"delay": "$item"}}]
    each = {"id": "each", "for_each": "$inputs.numbers", "steps": steps}
    return Task.model_validate({"inputs": {"numbers": list(range(width))}, "workflow": {"steps": [each]}})


@pytest.fixture
def executor(monkeypatch, tmp_path):
    made = []

    def make(catalog, _rooms, logs):
        made.append(Silent(catalog, tmp_path))
        return made[0]

    monkeypatch.setattr(local, "LocalExecutor", make)
    return made


async def test_an_attempt_that_waits_takes_less_than_4_kb(executor):
    async with local.LocalService(CATALOG) as service:

        async def wait_in(width):
            expected = executor[0].waiting() + width
            view = await service.submit(fan(width))
            await until(lambda: executor[0].waiting() == expected)
            return view

        await wait_in(50)  # what all tasks share
        grown = await kept_bytes(lambda: wait_in(AGENTS))

    assert grown / AGENTS < MOST_BYTES
