"""What has happened to a run: past facts, the input of the run state machine and the content of the journal.

``at_s`` counts seconds from the task's admission.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, JsonValue, TypeAdapter, model_validator

from planners.model import AttemptId, NodeId, StepId, Versioned, WorkKey
from planners.plans import Placement, Plan
from planners.workflow import Step, unwrapped_nodes
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Failure, Handoff
from reconciler.state.learned_times import LearnedTimes
from reconciler.state.messages import MailboxMessage
from reconciler.state.outcomes import Outcome
from reconciler.state.stored_text import StorableText


class KeptAttempt(Versioned):
    """An attempt of an earlier task whose work is kept: it has finished, or it may have acted (with ``failure``)."""

    attempt: AttemptId
    step: Step
    placement: Placement
    work_key: WorkKey
    loose_key: WorkKey | None = None
    agentless_key: WorkKey | None = None
    handoff: Handoff | None = None
    failure: Failure | None = None

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or "v" not in raw or "step" not in raw:
            return raw
        return raw | {"step": unwrapped_nodes([raw["step"]])[0]}


class _Event(Versioned):
    at_s: float = Field(ge=0)


class RunStarted(_Event):
    """The task was admitted and its run begins, with the work that it keeps of an earlier task.

    ``refused``: what somebody who runs an earlier task again thereby says of its outputs.
    """

    event: Literal["run_started"] = "run_started"
    kept: tuple[KeptAttempt, ...] = Field(default=(), exclude_if=lambda kept: not kept)
    refused: tuple[Outcome, ...] = Field(default=(), exclude_if=lambda refused: not refused)


class SpeculativePlanReady(_Event):
    """The speculative planner has made a guess. An ``alternative`` may be right where the guess before it is not.

    Any other guess replaces those before; one that ``continues`` so many first steps of the optimal plan knows these.
    ``unlikely``: work of earlier guesses that the optimal plan will probably not hold. A guess ``ahead`` is at what
    follows the pending nodes of the optimal plan of its epoch; it holds that plan's steps as well.
    """

    event: Literal["speculative_plan_ready"] = "speculative_plan_ready"
    plan: Plan
    epoch: int = 1
    alternative: bool = False
    continues: int = Field(default=0, ge=0)
    unlikely: tuple[WorkKey, ...] = ()
    ahead: bool = Field(default=False, exclude_if=lambda ahead: not ahead)
    conditions: Conditions = Conditions()


class OptimalPlanReady(_Event):
    """An optimal plan, or a longer prefix of it, has arrived. Answers the RequestPlan of the same epoch."""

    event: Literal["optimal_plan_ready"] = "optimal_plan_ready"
    plan: Plan
    epoch: int = 1
    times: LearnedTimes | None = Field(default=None, exclude_if=lambda times: times is None)


class PlanningFailed(_Event):
    """There will be no optimal plan for this epoch."""

    event: Literal["planning_failed"] = "planning_failed"
    failure: Failure
    epoch: int = 1


class AttemptStarted(_Event):
    """The agent has begun; until then the attempt waits for room."""

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


class AttemptVerified(_Event):
    """The agent's verify hook was asked about an attempt in doubt. Answers Verify.

    ``happened`` is None where it does not know, or where there is no hook. ``handoff`` is what the act returned.
    """

    event: Literal["attempt_verified"] = "attempt_verified"
    attempt: AttemptId
    happened: bool | None = None
    handoff: Handoff | None = None


class DoubtResolved(_Event):
    """A person says whether an attempt in doubt has acted, and what it returned."""

    event: Literal["doubt_resolved"] = "doubt_resolved"
    attempt: AttemptId
    happened: bool
    output: JsonValue = None
    by: str = ""


class StepAnswered(_Event):
    """Somebody has answered the attempt of an approval (``approved``), or a callback has come (``output``)."""

    event: Literal["step_answered"] = "step_answered"
    attempt: AttemptId
    approved: bool = True
    output: JsonValue = None
    by: StorableText = ""
    comment: StorableText = ""


class MessagePublished(_Event):
    """The agent of an attempt tells those of other steps something."""

    event: Literal["message_published"] = "message_published"
    attempt: AttemptId
    message: MailboxMessage


class LimitsAnswered(_Event):
    """Somebody has said what a task does about its limits: a limit is raised, or the task finishes or fails.

    A limit that is None stays as it is. ``finish``: the task goes on without what exceeds its limits. ``replans``: what
    has not begun is planned anew within raised limits; journals of earlier versions hold no such plan.
    """

    event: Literal["limits_answered"] = "limits_answered"
    action: Literal["raise", "finish", "fail"] = "raise"
    replans: bool = False
    budget_usd: float | None = None
    budget_tokens: int | None = None
    deadline_s: float | None = None
    by: StorableText = ""
    comment: StorableText = ""


class AnsweredEarly(_Event):
    """A message has come for a callback that has not begun to wait; it is its output once it does."""

    event: Literal["answered_early"] = "answered_early"
    step: StepId
    output: JsonValue = None
    by: StorableText = ""


class HeartbeatReceived(_Event):
    """The outside system for which the attempt of a callback waits is still at work."""

    event: Literal["heartbeat_received"] = "heartbeat_received"
    attempt: AttemptId


class OutputsLost(_Event):
    """What these finished attempts had made, or had staged, went with the process that held it."""

    event: Literal["outputs_lost"] = "outputs_lost"
    attempts: tuple[AttemptId, ...]
    reason: str = ""


class NodeLost(_Event):
    """A node has left the cluster with everything that ran on it."""

    event: Literal["node_lost"] = "node_lost"
    node: NodeId


class QuorumEvaluated(_Event):
    """Whether the condition of a fan-out holds of its first ``results`` results. Answers EvaluateQuorum.

    ``failure``: why it has no value.
    """

    event: Literal["quorum_evaluated"] = "quorum_evaluated"
    fan_out: StepId
    revision: int
    results: int
    holds: bool = False
    failure: StorableText = ""


class CancelRequested(_Event):
    """A user wants the run to end."""

    event: Literal["cancel_requested"] = "cancel_requested"
    reason: str = ""


class TimePassed(_Event):
    """A moment at which the run asked to be woken has come."""

    event: Literal["time_passed"] = "time_passed"


Event = Annotated[
    RunStarted
    | SpeculativePlanReady
    | OptimalPlanReady
    | PlanningFailed
    | AttemptStarted
    | AttemptFinished
    | AttemptFailed
    | AttemptVerified
    | DoubtResolved
    | StepAnswered
    | MessagePublished
    | LimitsAnswered
    | AnsweredEarly
    | HeartbeatReceived
    | OutputsLost
    | NodeLost
    | QuorumEvaluated
    | CancelRequested
    | TimePassed,
    Field(discriminator="event"),
]
EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
# What is recorded of a run besides these followed from them, and is not replayed.
KINDS = frozenset(kind.model_fields["event"].default for kind in get_args(get_args(Event)[0]))
# What people and outside systems say.
Told = DoubtResolved | StepAnswered | LimitsAnswered | AnsweredEarly


def subject(told: Told) -> str:
    """What it is about: an attempt, a step, or the limits of the task."""
    match told:
        case LimitsAnswered():
            return "limits"
        case AnsweredEarly(step=step):
            return f"step {step}"
        case _:
            return told.attempt
