"""What has happened to a run: past facts, the only input of the run state machine and the content of the journal.

``at_s`` counts seconds from the task's admission.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from planners.model import AttemptId, NodeId, Versioned
from planners.plans import Plan
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Failure, Handoff


class _Event(Versioned):
    at_s: float = Field(ge=0)


class RunStarted(_Event):
    """The task was admitted and its run begins."""

    event: Literal["run_started"] = "run_started"


class SpeculativePlanReady(_Event):
    """The speculative planner has guessed. An ``alternative`` is what may be right if the guess before it is not."""

    event: Literal["speculative_plan_ready"] = "speculative_plan_ready"
    plan: Plan
    epoch: int = 1
    alternative: bool = False
    conditions: Conditions = Conditions()


class OptimalPlanReady(_Event):
    """A plan of authority, or a longer prefix of it, has arrived. Answers the RequestPlan of the same epoch."""

    event: Literal["optimal_plan_ready"] = "optimal_plan_ready"
    plan: Plan
    epoch: int = 1


class PlanningFailed(_Event):
    """There will be no plan of authority for this epoch."""

    event: Literal["planning_failed"] = "planning_failed"
    failure: Failure
    epoch: int = 1


class AttemptStarted(_Event):
    """The agent has begun; before this an attempt only waits for room."""

    event: Literal["attempt_started"] = "attempt_started"
    attempt: AttemptId
    node: NodeId


class AttemptFinished(_Event):
    """The agent has returned."""

    event: Literal["attempt_finished"] = "attempt_finished"
    attempt: AttemptId
    handoff: Handoff
    seconds: float = Field(ge=0)


class AttemptFailed(_Event):
    """The agent has failed, timed out, or was lost."""

    event: Literal["attempt_failed"] = "attempt_failed"
    attempt: AttemptId
    failure: Failure
    seconds: float = Field(default=0.0, ge=0)


class NodeLost(_Event):
    """A node has left the cluster with all that ran on it."""

    event: Literal["node_lost"] = "node_lost"
    node: NodeId


class CancelRequested(_Event):
    """A user wants the run to end."""

    event: Literal["cancel_requested"] = "cancel_requested"
    reason: str = ""


class TimePassed(_Event):
    """A moment that the run asked to be woken at has come."""

    event: Literal["time_passed"] = "time_passed"


Event = Annotated[
    RunStarted
    | SpeculativePlanReady
    | OptimalPlanReady
    | PlanningFailed
    | AttemptStarted
    | AttemptFinished
    | AttemptFailed
    | NodeLost
    | CancelRequested
    | TimePassed,
    Field(discriminator="event"),
]
EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
