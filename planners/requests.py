"""Plan requests and the planners' protocols: the task, the agents and cluster as they are now, the work in flight."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from pydantic import Field, JsonValue

from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.facts import Facts
from planners.model import AgentName, Model, NodeId, StepId, Versioned, WorkKey
from planners.plans import Plan
from planners.tasks import Task


class InFlight(Model):
    """An attempt that runs (or has finished) when the plan is requested: a running interval with a switching cost."""

    work_key: WorkKey
    agent: AgentName
    node: NodeId
    elapsed_s: float = Field(default=0.0, ge=0)
    finished: bool = False


class PlanRequest(Versioned):
    """One request to a planner.

    ``known``: outputs of finished steps that a ``for_each`` runs over or a condition reads. ``facts``: what else has
    happened that decides how the workflow is unrolled. ``hint``: the speculative plan, a warm start for
    the optimal one. ``spent_usd``: dollars already charged to the task's budget. ``without_agents``: agents that failed
    permanently; they get no new attempts, but their finished and running attempts remain an option. ``refused``: the
    same for single steps: agents whose outputs they did not accept.
    """

    task: Task
    catalog: Catalog
    cluster: ClusterSnapshot
    epoch: int = 1
    known: dict[StepId, JsonValue] = Field(default_factory=dict)
    facts: Facts = Facts()
    in_flight: tuple[InFlight, ...] = ()
    hint: Plan | None = None
    without_agents: tuple[AgentName, ...] = ()
    refused: dict[StepId, tuple[AgentName, ...]] = Field(default_factory=dict)
    spent_usd: float = 0.0
    elapsed_s: float = 0.0

    def excluded(self, step: StepId) -> tuple[AgentName, ...]:
        """The agents that get no new attempt of a step."""
        return (*self.without_agents, *self.refused.get(step, ()))


class Continuation(NamedTuple):
    """A guess made again when the first steps of the optimal plan are known.

    ``plan`` holds these steps and a guess at the rest. ``unlikely``: work of earlier guesses that the optimal plan will
    probably not hold.
    """

    plan: Plan
    unlikely: frozenset[WorkKey] = frozenset()


class OptimalPlanner(Protocol):
    """Makes the optimal plan, in seconds."""

    def plan(self, request: PlanRequest) -> AsyncIterator[Plan]:
        """Growing prefixes of the plan (``complete`` false), then the complete plan.

        Raises:
            PlanningError: no plan can be made; the message says why, and the fix.
        """
        ...


class SpeculativePlanner(Protocol):
    """Guesses the optimal plan, in milliseconds, within a time budget. Lack of knowledge is not an error."""

    def guess(self, request: PlanRequest) -> Plan | None:
        """The most probable optimal plan, with a probability for each step; None if nothing is known."""
        ...
