"""What a planner is asked: the task, the agents and the cluster as they are now, and the work already under way."""

from collections.abc import AsyncIterator
from typing import Protocol

from pydantic import Field, JsonValue

from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.model import AgentName, Model, NodeId, StepId, Versioned, WorkKey
from planners.plans import Plan
from planners.tasks import Task


class InFlight(Model):
    """An attempt under way (or finished) when the plan is asked for: a running interval with a switching cost."""

    work_key: WorkKey
    agent: AgentName
    node: NodeId
    elapsed_s: float = Field(default=0.0, ge=0)
    finished: bool = False


class PlanRequest(Versioned):
    """One question to a planner.

    ``known`` holds outputs of finished steps that a ``for_each`` runs over; ``hint`` is the speculative plan, a warm
    start for the optimal one; ``spent_usd`` is what the task's budget has already lost. Agents in ``without_agents``
    have failed for good: no new attempt of theirs, but what they have finished or still run remains an option.
    """

    task: Task
    catalog: Catalog
    cluster: ClusterSnapshot
    epoch: int = 1
    known: dict[StepId, JsonValue] = Field(default_factory=dict)
    in_flight: tuple[InFlight, ...] = ()
    hint: Plan | None = None
    without_agents: tuple[AgentName, ...] = ()
    spent_usd: float = 0.0
    elapsed_s: float = 0.0


class OptimalPlanner(Protocol):
    """The authority. Takes seconds."""

    def plan(self, request: PlanRequest) -> AsyncIterator[Plan]:
        """Growing prefixes of the plan (``complete`` false), then the whole plan.

        Raises:
            PlanningError: no plan can be made; the message says why and what would mend it.
        """
        ...


class SpeculativePlanner(Protocol):
    """The guess. Takes milliseconds, knows a time budget, never raises for want of knowledge."""

    def guess(self, request: PlanRequest) -> Plan | None:
        """The plan the optimal planner will probably make, a probability on each step; None: no idea."""
        ...
