"""A graph of LangGraph interrupts itself, a person answers after a restart, and the graph goes on where it was."""

import asyncio
from pathlib import Path

import pytest
from shards import Service, a_shard

pytest.importorskip("langgraph", reason="pip install 'forerun[langgraph]'")

from actors.catalog import parse_catalog
from planners.agents import Catalog
from planners.model import StepId, TaskId
from planners.tasks import Task
from reconciler.state.events import StepAnswered
from reconciler.state.waiting import WaitKind

GUARD_S = 60.0


def catalog(folder: Path) -> Catalog:
    settings = {"checkpoints": f"sqlite:///{folder / 'graphs.sqlite3'}", "output": "signed"}
    entry = {"name": "writer", "capability": "write_letter", "kind": "langgraph", "target": "graphs:signed_letter"}
    return parse_catalog({"agents": [{**entry, "effect": "idempotent", "settings": settings}]})


def task(folder: Path) -> Task:
    write = {"id": "write", "capability": "write_letter", "inputs": {"topic": "Ada", "folder": str(folder)}}
    sign = {"id": "sign", "approval": "Sign this?", "inputs": {"letter": "$steps.write.interrupted"}}
    resumed = {"thread": "$steps.write.thread", "resume": "$steps.sign.comment"}
    steps = [write, sign, {"id": "send", "capability": "write_letter", "inputs": resumed}]
    return Task.model_validate({"workflow": {"steps": steps, "outputs": {"signed": "$steps.send"}}})


async def asked(service: Service, task_id: TaskId) -> None:
    async with asyncio.timeout(GUARD_S):
        while True:
            view = await service.shard.show(task_id)
            if any(reason.kind is WaitKind.ANSWER for reason in view.waiting):
                return
            await asyncio.sleep(0.01)


async def test_the_answer_to_an_approval_resumes_the_graph_after_a_restart(tmp_path: Path):
    async with a_shard(catalog(tmp_path), tmp_path) as service:
        task_id = await service.submit(task(tmp_path))
        await asked(service, task_id)

    async with a_shard(catalog(tmp_path), tmp_path) as service:
        await asked(service, task_id)
        await service.shard.answer(task_id, StepId("sign"), StepAnswered(at_s=0, attempt="", comment="Grace"))
        view = await service.ended(task_id)

    assert view.outputs == {"signed": "Grace"}
    assert (tmp_path / "draft").read_text(encoding="utf-8") == "."
