"""A planner whose stream ends without a whole plan has failed, and so has the run that asked it."""

import asyncio
from typing import Any

import pytest
from shards import Planners, a_shard

from planners.agents import AgentSpec, Catalog
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import FailureKind

CATALOG = Catalog(
    agents=(AgentSpec(name="echoes", capability="echo", kind="async", target="actors.simulated:simulated"),)
)
TASK = Task.model_validate({"workflow": {"steps": [{"id": "e", "capability": "echo"}]}, "planning": {"mode": "wait"}})
PATIENCE_S = 120.0


class _Silent(Planners):
    """Ends at once."""

    async def plan(self, request: Any) -> Any:
        for plan in ():
            yield plan


class _Short(Planners):
    """Ends after a prefix."""

    async def plan(self, request: Any) -> Any:
        async for plan in super().plan(request):
            yield plan.model_copy(update={"complete": False, "outputs": {}})


class _Cancelled(Planners):
    """Awaits an asyncio task of its own that was cancelled, as an HTTP client may."""

    async def plan(self, request: Any) -> Any:
        inner = asyncio.ensure_future(asyncio.sleep(0))
        inner.cancel()
        yield await inner


@pytest.mark.parametrize("planner", [_Silent, _Short, _Cancelled])
async def test_a_run_whose_planner_ends_without_a_whole_plan_has_failed(tmp_path, planner):
    planning = planner()
    try:
        async with a_shard(CATALOG, tmp_path, planning=planning) as service:
            view = await service.shard.wait(await service.submit(TASK), PATIENCE_S)
    finally:
        planning.optimal.close()

    assert view.status is RunStatus.FAILED
    assert view.failure.kind is FailureKind.PLANNING
