"""The environment of an agent holds nothing of the service's that its catalog entry does not name."""

import asyncio
from typing import Any

import misbehaving_agents as m
import pytest

from planners.agents import AgentSpec

pytestmark = pytest.mark.ray

SECRETS = {"FORERUN_LLM__API_KEY": "sk-very-secret", "FORERUN_JOURNAL__URL": "postgresql://user:secret@db/forerun"}
COMMAND = AgentSpec.model_validate(
    {
        "name": "environment_of_a_command",
        "kind": "command",
        "capability": "environment",
        "target": ["python3", "-c", "import json, os; print(json.dumps(dict(os.environ)))"],
        "resources": {"cpus": 0.1},
    }
)


@pytest.fixture
async def exposed(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A node whose processes inherit the secrets."""
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    node = cluster.add()
    yield node
    await asyncio.to_thread(cluster.remove, node)


async def test_no_agent_sees_a_secret_of_the_service(attempts_with: Any, exposed: str):
    attempts = attempts_with(m.environment, m.environment_in_process, COMMAND)
    seen = {}

    for agent in ("environment", "environment_in_process", "environment_of_a_command"):
        environment = await attempts.run(agent, on=exposed)
        seen[agent] = [name for name, secret in SECRETS.items() if secret in environment.values()]

    assert list(seen.values()) == [[], [], []]
