"""Agents tell their secrets wherever they can: nothing that a shard keeps or says holds them."""

import logging
from pathlib import Path
from typing import Any

import pytest
from shards import a_shard

from actors.agent import agent
from actors.catalog import catalog_of
from actors.context import Context
from actors.environment import inherited_environment
from actors.executor.local_executor import LocalExecutor
from planners.agents import AgentSpec, Catalog
from planners.tasks import Task
from reconciler.views.logs import LogQuery

PLANTED = {"PLANTED_TOKEN": "planted-in-the-environment", "PLANTED_KEY": "planted-in-a-file"}
ONCE = {"max_attempts": 1}


@agent("leak", env=list(PLANTED), retry=ONCE)
async def leaks(context: Context) -> str:
    told = " and ".join(context.secret(name) for name in PLANTED)
    print(told)  # noqa: T201 - that is what it does
    logging.getLogger("leak").warning(told)
    context.progress(told, 0.5)
    context.artefact("leak", told)
    raise ValueError(told)


COMMAND = AgentSpec.model_validate(
    {
        "name": "leaking-command",
        "capability": "leak_by_command",
        "kind": "command",
        "target": ["sh", "-c", "env; env >&2; exit 1"],
        "env": list(PLANTED),
        "settings": {"output": "out"},
        "retry": ONCE,
    }
)
CATALOG = Catalog(agents=(*catalog_of(leaks).agents, COMMAND))


@pytest.mark.parametrize("capability", ["leak", "leak_by_command"])
async def test_planted_secrets_are_neither_stored_nor_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capability: str
):
    (tmp_path / "secret").write_text(PLANTED["PLANTED_KEY"] + "\n", encoding="utf-8")
    monkeypatch.setenv("PLANTED_TOKEN", PLANTED["PLANTED_TOKEN"])
    monkeypatch.setenv("PLANTED_KEY_FILE", str(tmp_path / "secret"))
    inherited_environment.cache_clear()
    task = Task.model_validate({"workflow": {"steps": [{"id": "leak", "capability": capability, "inputs": {}}]}})

    stored = tmp_path / "stored"
    stored.mkdir()
    async with a_shard(CATALOG, stored, executor=LocalExecutor(CATALOG)) as service:
        task_id = await service.submit(task)
        view: Any = await service.ended(task_id)
        shard = service.shard
        told = [view, await shard.events(task_id, 0, 0.0), await shard.logs(task_id, LogQuery(), 0.0)]
        told += [await shard.timeline(task_id), await shard.failures(task_id)]
    inherited_environment.cache_clear()

    said = [one.model_dump_json() for one in told]
    assert "***" in said[0] or "***" in said[2]
    assert not [text for text in said for secret in PLANTED.values() if secret in text]
    files = [path for path in stored.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files for secret in PLANTED.values() if secret.encode() in path.read_bytes()]
