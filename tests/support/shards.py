"""A complete shard in this process: journal, planners and executor are real, only Ray is left out."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.executor.fenced import FencedExecutor
from actors.executor.stub import StubExecutor
from planners.agents import Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.model import NodeId, TaskId
from planners.optimal.planner import OptimalPlannerPipeline
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.speculative.planner import SpeculativePlannerPipeline
from planners.tasks import AdmittedTask, Task
from reconciler.journal import Journal
from reconciler.runtime.parking import only_waits
from reconciler.runtime.ports import Ports
from reconciler.runtime.shard import Shard
from reconciler.state.conditions import Conditions
from reconciler.views.models import TaskView

_PARKED_S = 60.0
NODES = ClusterSnapshot(
    nodes=tuple(ClusterNode(id=NodeId(f"n{i}"), node_class="cpu", total=Resources(cpus=2)) for i in (1, 2))
)


class Seen:
    """An observer and outcome sink that records everything."""

    def __init__(self) -> None:
        self.outcomes: list[Any] = []
        self.views: list[TaskView] = []

    def record(self, outcomes: Any) -> None:
        self.outcomes += outcomes

    def count(self, outcomes: Any) -> None: ...

    def admitted(self, kind: str) -> None: ...

    def ended(self, view: TaskView) -> None:
        self.views.append(view)

    def exposition(self, figures: Any) -> str:
        return ""


class WallClock:
    def now_s(self) -> float:
        return time.time()

    def monotonic_s(self) -> float:
        return time.monotonic()


class Planners:
    """Both planners on this loop; keeps every request."""

    def __init__(self) -> None:
        self.optimal = OptimalPlannerPipeline(PriorCosts)
        self.speculative = SpeculativePlannerPipeline(PriorCosts)
        self.asked: list[PlanRequest] = []

    def guesses(self, request: PlanRequest) -> Any:
        return self.speculative.guesses(request)

    def continuation(self, request: PlanRequest, prefix: Any, before: Any) -> Any:
        return self.speculative.continuation(request, prefix, before)

    def ahead(self, request: PlanRequest, plan: Any) -> Any:
        return self.speculative.ahead(request, plan)

    def chances(self, task: Task, plan: Any) -> Any:
        return self.speculative.chances(task, plan)

    def advice(self, request: PlanRequest, plan: Any) -> Any:
        return self.speculative.advice(request, plan)

    def remember(self, task: Task, plan: Any) -> None:
        self.speculative.cache.remember(task, plan)

    def prepare(self) -> None:
        self.speculative.cache.prepare()

    def plan(self, request: PlanRequest) -> Any:
        self.asked.append(request)
        return self.optimal.plan(request)


class Now:
    """A cluster that never changes."""

    def __init__(self, cluster: ClusterSnapshot) -> None:
        self._cluster = cluster

    def snapshot(self) -> ClusterSnapshot:
        return self._cluster


class NoAdvice:
    def reload(self, catalog: Catalog) -> None:
        """Nothing is learned."""

    def conditions(self, request: PlanRequest, guess: Any) -> Conditions:
        return Conditions()

    def times(self, request: PlanRequest, plan: Any) -> None:
        return None

    async def status(self) -> dict[str, Any]:
        return {}


@dataclass
class Service:
    """A shard and its parts."""

    shard: Shard
    executor: FencedExecutor
    planners: Any
    seen: Seen
    _made: int = 0

    async def submit(self, task: Task) -> TaskId:
        self._made += 1
        task_id = TaskId(f"t{self._made}")
        await self.shard.submit(AdmittedTask(id=task_id, task=task, submitted_at_s=time.time()))
        return task_id

    async def ended(self, task_id: TaskId) -> TaskView:
        return await self.shard.wait(task_id, 60.0)


@asynccontextmanager
async def a_shard(
    catalog: Catalog,
    folder: Path,
    *,
    planning: Any = None,
    executor: FencedExecutor | None = None,
    cluster: Any = NODES,
    on_close: Sequence[Any] = (),
    certifier: Any = None,
) -> AsyncIterator[Service]:
    """A shard that runs while the context is entered."""
    made = executor or StubExecutor(catalog)
    planners, seen = planning or Planners(), Seen()
    ports = Ports(
        catalog=catalog,
        executor=made,
        planning=planners,
        cluster=Now(cluster) if isinstance(cluster, ClusterSnapshot) else cluster,
        clock=WallClock(),
        outcomes=seen,
        advice=NoAdvice(),
        certifier=certifier,
    )
    journal = Journal(f"sqlite:///{folder / 'journal.sqlite3'}")
    journal.claim()
    shard = Shard(ports, journal, seen, on_close=on_close)
    await shard.resume()
    try:
        yield Service(shard, made, planners, seen)
    finally:
        await shard.close()
        if planning is None:
            planners.optimal.close()


async def parked(service: Service, task_id: TaskId, count: int = 1) -> None:
    """Return once so many runs are parked."""
    async with asyncio.timeout(_PARKED_S):
        while len(service.shard.parking) < count:
            live = service.shard._live.get(task_id)
            if live is None or only_waits(live.state):
                service.shard.parking.sweep(service.shard._live, idle_s=-1)
            await asyncio.sleep(0.01)
