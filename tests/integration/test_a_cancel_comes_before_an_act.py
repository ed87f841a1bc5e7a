"""A task that is cancelled while the intent of an irreversible act is on its way to the disk does not act."""

import asyncio
from concurrent.futures import Future
from typing import Any

from attempts import until
from shards import a_shard

from actors.executor.stub import StubExecutor
from planners.agents import AgentSpec, Catalog
from planners.tasks import Task
from reconciler.journal import Journal
from reconciler.state.commands import RunStatus

ACT = AgentSpec(
    name="acts",
    capability="act",
    effect="irreversible",
    kind="async",
    target="actors.simulated:simulated",
    settings={"duration_s": 0},
)
CATALOG = Catalog(agents=(ACT,))
TASK = Task.model_validate({"workflow": {"steps": [{"id": "a", "capability": "act"}]}, "planning": {"mode": "wait"}})


class _Told(StubExecutor):
    """Keeps what it is told to dispatch."""

    def __init__(self) -> None:
        super().__init__(CATALOG)
        self.dispatched: list[str] = []

    def dispatch(self, task: Any, order: Any, report: Any) -> None:
        self.dispatched.append(order.agent)
        super().dispatch(task, order, report)


async def test_a_cancel_that_comes_while_the_disk_writes_prevents_the_act(tmp_path, monkeypatch):
    writing: list[Future[None]] = []
    append = Journal.append

    def slow(journal: Journal, *lines: Any, urgent: bool = False, **more: Any) -> Future[None]:
        durable = append(journal, *lines, urgent=urgent, **more)
        if writing or not urgent:
            return durable
        writing.append(Future())
        return writing[-1]

    monkeypatch.setattr(Journal, "append", slow)
    executor = _Told()
    async with a_shard(CATALOG, tmp_path, executor=executor) as service:
        task_id = await service.submit(TASK)
        await until(lambda: bool(writing), within_s=120.0)
        cancelling = asyncio.create_task(service.shard.cancel(task_id))
        await asyncio.sleep(0)  # the cancel is received
        writing[0].set_result(None)
        view = await asyncio.wait_for(cancelling, 30.0)

    assert view.status is RunStatus.CANCELLED
    assert executor.dispatched == []
