"""What a shard depends on, in one process: both planners, this machine as the only node, the loop's clock."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Iterable
from typing import Any

from actors.executor.local_executor import LocalExecutor
from orchestrator.prior_conditions import prior_conditions
from orchestrator.settings import GateSettings, PlanningSettings
from orchestrator.speculative_planning import SpeculativePlanning
from planners.agents import Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.errors import PlanningError
from planners.model import NodeId
from planners.optimal.decompose.goals import Decomposer
from planners.optimal.draft import DraftPlanner
from planners.optimal.planner import OptimalPlannerPipeline, OptimalSettings
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.speculative.planner import SpeculativePlannerPipeline
from reconciler.runtime.figures import ShardFigures
from reconciler.state.conditions import Conditions
from reconciler.state.learned_times import LearnedTimes
from reconciler.state.outcomes import Outcome
from reconciler.views.models import TaskView

_log = logging.getLogger(__name__)
NODE = NodeId("local")


class LoopClock:
    """The clock of the running event loop, real or virtual."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began_at_s = time.time() - self._loop.time()

    def now_s(self) -> float:
        """Seconds since the epoch."""
        return self._began_at_s + self._loop.time()

    def monotonic_s(self) -> float:
        """Seconds of the event loop."""
        return self._loop.time()


class InProcessPlanning(SpeculativePlanning):
    """Both planners in this process: what they share with every kind of costs and solver."""

    def __init__(self, speculative: SpeculativePlannerPipeline, optimal: OptimalPlannerPipeline) -> None:
        """Set up."""
        super().__init__(speculative)
        self._optimal = optimal

    def plan(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        """See `reconciler.runtime.ports.Planning`."""
        return self._optimal.plan(request)

    def close(self) -> None:
        """Stop all solves."""
        self._optimal.close()


class LocalPlanning(InProcessPlanning):
    """Both planners in this process, with the priors that the catalog declares."""

    def __init__(
        self, settings: PlanningSettings, decomposer: Decomposer | None, drafter: Decomposer | None = None
    ) -> None:
        """``drafter`` decomposes goals for drafts."""
        self._drafts = DraftPlanner(PriorCosts, drafter)
        speculative = SpeculativePlannerPipeline(PriorCosts, settings=settings.speculative)
        optimal = OptimalPlannerPipeline(
            PriorCosts,
            decomposer,
            settings=OptimalSettings(
                workers=settings.workers,
                solves_at_once=settings.solves_at_once,
                time_limit_s=settings.time_limit_s,
            ),
        )
        super().__init__(speculative, optimal)

    async def draft(self, request: PlanRequest) -> Plan | None:
        """A draft of the plan; None if it could not be made."""
        try:
            drafts = [draft async for draft in self._drafts.plan(request)]
        except PlanningError as error:
            _log.warning("no draft of the plan: %s", error.message)
            return None
        return drafts[-1] if drafts else None

    def close(self) -> None:
        """Stop all solves and drafts."""
        super().close()
        self._drafts.close()


class ThisMachine:
    """A cluster of one node: this machine's CPUs, and whatever else the largest agent declares."""

    def __init__(self, catalog: Catalog, executor: LocalExecutor) -> None:
        self._executor = executor
        self._cluster = ClusterSnapshot(nodes=(ClusterNode(id=NODE, node_class=NODE, total=room_for(catalog)),))

    def snapshot(self) -> ClusterSnapshot:
        """The node, and which agents have run on it."""
        return self._cluster.model_copy(update={"warm": self._executor.warm(), "outages": self._executor.outages()})


def room_for(catalog: Catalog) -> Resources:
    """What attempts may hold together: a run must not be refused because GPUs are only on the cluster."""
    needs = [agent.resources for agent in catalog.agents]
    names = sorted({name for need in needs for name in need.custom})
    return Resources(
        cpus=max([float(os.cpu_count() or 1), *(need.cpus for need in needs)]),
        gpus=max([0.0, *(need.gpus for need in needs)]),
        memory_bytes=max([0, *(need.memory_bytes for need in needs)]),
        custom={name: max(need.custom.get(name, 0.0) for need in needs) for name in names},
    )


class NothingLearned:
    """Fulfils `Advice`, `OutcomeSink` and `Observer` without keeping anything."""

    def __init__(self, gate: GateSettings) -> None:
        self._gate = gate

    def reload(self, catalog: Catalog) -> None:
        """Nothing is learned, so nothing depends on the agents."""

    def conditions(self, request: PlanRequest, guess: Plan) -> Conditions:
        """The gate's inputs while nothing is learned."""
        return prior_conditions(request, self._gate)

    def times(self, request: PlanRequest, plan: Plan) -> LearnedTimes | None:
        """Nothing is learned."""
        return None

    async def status(self) -> dict[str, Any]:
        """There is no learner."""
        return {"enabled": False}

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Drop outcomes."""

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Count nothing."""

    def admitted(self, kind: str) -> None:
        """Count nothing."""

    def ended(self, view: TaskView) -> None:
        """Count nothing."""

    def exposition(self, figures: ShardFigures) -> str:
        """No metrics."""
        return ""
