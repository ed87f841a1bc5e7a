"""What a stageable guess has staged survives a restart: the plan adopts the guess, and its effect takes place once."""

import asyncio
import re
from typing import Any

import pytest
import sample_agents as s
from shard_news import told
from shards import Planners, a_shard

from actors.catalog import catalog_of
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.state.conditions import Conditions

CATALOG = catalog_of(s.publishes)


class _Late(Planners):
    """The optimal plan is not made before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.may_plan = asyncio.Event()

    async def plan(self, request: Any) -> Any:
        await self.may_plan.wait()
        async for plan in super().plan(request):
            yield plan


@pytest.fixture
def planning():
    planners = _Late()
    yield planners
    planners.optimal.close()


async def test_the_effect_of_a_guess_is_out_when_the_task_ends_after_a_restart(tmp_path, monkeypatch, planning):
    monkeypatch.setattr("shards.NoAdvice.conditions", lambda *_: Conditions(prior_plan_s=30.0))
    out = tmp_path / "out"
    step = {"id": "publish", "capability": "publish", "inputs": {"path": str(out), "text": "x"}}
    options = {"mode": "forerun", "alpha": 1.0, "value_of_time_usd_per_s": 1.0}
    task = Task.model_validate({"workflow": {"steps": [step]}, "planning": options})
    async with a_shard(CATALOG, tmp_path, planning=planning) as service:
        task_id = await service.submit(task)
        await told(service, task_id, "attempt_finished")
        assert not out.exists()

    planning.may_plan.set()
    async with a_shard(CATALOG, tmp_path, planning=planning) as service:
        view = await service.shard.wait(task_id, 30.0)

    assert view.status is RunStatus.SUCCEEDED
    assert re.fullmatch(rf"x{task_id}\.1-[0-9a-f]{{16}}", out.read_text())
