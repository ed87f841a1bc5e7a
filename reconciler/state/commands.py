"""What a run wants done: the only output of the run state machine. The driver carries commands out, in order."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from planners.agents import Effect
from planners.bindings import Path
from planners.facts import Facts
from planners.model import AgentName, AttemptId, Model, NodeId, StepId, Versioned, WorkKey
from planners.policies import Compact
from planners.topics import MailboxTopics
from reconciler.state.handoff import Failure
from reconciler.state.messages import MailboxMessage
from reconciler.state.outcomes import Outcome


class Given(Model):
    """A value known to the run."""

    value: JsonValue


class OutputOf(Model):
    """The output of an attempt, or a part of it; the executor knows where it lies."""

    attempt: AttemptId
    path: Path = ()


class ListOf(Model):
    """A list of sources, in order."""

    items: "tuple[Source, ...]"


class ObjectOf(Model):
    """An object of sources."""

    fields: "dict[str, Source]"


class ComputedOf(Model):
    """The value, or a part of it, that an expression makes of sources; see `planners.expressions.reads`."""

    cel: str
    reads: "dict[str, Source]"
    path: Path = ()


Source = Given | OutputOf | ListOf | ObjectOf | ComputedOf
for _model in (ListOf, ObjectOf, ComputedOf):
    _model.model_rebuild()


def attempts_of(source: Source) -> tuple[AttemptId, ...]:
    """The attempts whose outputs a source is made of."""
    match source:
        case OutputOf(attempt=attempt):
            return (attempt,)
        case ListOf(items=items):
            return tuple(attempt for item in items for attempt in attempts_of(item))
        case ObjectOf(fields=parts) | ComputedOf(reads=parts):
            return tuple(attempt for part in parts.values() for attempt in attempts_of(part))
        case _:
            return ()


class Dispatch(Model):
    """Start an attempt: this agent, on this node, on these inputs.

    ``idle_s``: the longest pause between two reports of its progress, where the step does not leave that to the agent.

    ``speculative`` output is staged: other speculative attempts may read it, the outside world may not. ``check``: what
    the output must fulfil. ``writes``: the keys that the context of the handoff must hold. ``compact``: which input
    is passed on without asking the agent if it is short. ``mailbox``: what it publishes and hears. ``refusal``: why the
    output of the attempt before was refused. ``fallback``: another agent can do the work if this one does not answer.
    ``cached``: the result cache may answer. ``discloses``: the agent sends private inputs to a third party.
    ``callbacks``: those that wait behind the step, whose addresses the agent may hand to an outside system.
    """

    command: Literal["dispatch"] = "dispatch"
    attempt: AttemptId
    step: StepId
    agent: AgentName
    node: NodeId
    inputs: dict[str, Source]
    epoch: int
    speculative: bool
    effect: Effect
    work_key: WorkKey
    timeout_s: float | None = None
    idle_s: float | None = None
    check: str | None = None
    writes: tuple[str, ...] = ()
    compact: Compact | None = None
    mailbox: MailboxTopics | None = None
    refusal: str = ""
    fallback: bool = False
    cached: bool = False
    discloses: bool = False
    callbacks: tuple[StepId, ...] = ()

    @property
    def waits_for_the_disk(self) -> bool:
        """Whether it must not leave the process before the journal holds it: it cannot be taken back."""
        return self.effect.never_twice or self.discloses

    @property
    def idempotency_key(self) -> str:
        """Names this attempt at this work, for requests that must not take effect twice.

        What runs ahead of the disk may be lost in a crash, and its id given to other work; the id alone is not enough.
        """
        return self.attempt if self.waits_for_the_disk else f"{self.attempt}-{self.work_key[:16]}"


class Confirm(Versioned):
    """The optimal plan holds an attempt that was dispatched speculatively and may still wait for room."""

    command: Literal["confirm"] = "confirm"
    attempt: AttemptId


class Promote(Versioned):
    """Promote a stageable agent's staged output: it may now take effect outside."""

    command: Literal["promote"] = "promote"
    attempt: AttemptId


class Flush(Versioned):
    """Cancel these attempts and free what they hold. Their results, should they still come, are inert."""

    command: Literal["flush"] = "flush"
    attempts: tuple[AttemptId, ...]


class Verify(Versioned):
    """Ask the agent's verify hook whether an attempt in doubt has acted. Answered by AttemptVerified of the attempt.

    Where the agent has no such hook, the answer is that nobody knows.
    """

    command: Literal["verify"] = "verify"
    attempt: AttemptId
    step: StepId
    agent: AgentName
    node: NodeId


class EvaluateQuorum(Versioned):
    """Find out whether the condition of a fan-out holds of its first results. Answered by QuorumEvaluated.

    ``revision`` grows when one of the results is lost; then an answer to an earlier one means nothing. ``inputs`` are
    those that the condition reads.
    """

    command: Literal["evaluate_quorum"] = "evaluate_quorum"
    fan_out: StepId
    revision: int
    condition: str
    results: tuple[Source, ...]
    confidences: tuple[float, ...]
    inputs: dict[str, Source] = Field(default_factory=dict)


class Restore(Versioned):
    """Make an output readable that no executor has seen: a person or a verify hook has told it."""

    command: Literal["restore"] = "restore"
    attempt: AttemptId
    output: JsonValue = None


class Deliver(Versioned):
    """Hand messages to an attempt that may not have begun yet. It may have got them before."""

    command: Literal["deliver"] = "deliver"
    attempt: AttemptId
    messages: tuple[MailboxMessage, ...]


class PlanReason(StrEnum):
    """Why an optimal plan is asked for.

    ``settled``: the workflow goes on without a step or an element. ``proposed``: an agent proposed what to do next.
    ``limits_raised``: the task may cost more, or take longer, than when it was planned.
    ``undo``: the task ends, and what it has done is undone.
    """

    ADMITTED = "admitted"
    EXPANDED = "expanded"
    AGENT_FAILED = "agent_failed"
    NODE_LOST = "node_lost"
    ESTIMATE_WRONG = "estimate_wrong"
    SETTLED = "settled"
    LIMITS_RAISED = "limits_raised"
    PROPOSED = "proposed"
    UNDO = "undo"


class RequestPlan(Versioned):
    """Ask for the plan of this epoch.

    ``known_from`` names finished attempts whose outputs a for_each runs over or a condition reads. ``facts``: what else
    decides how the workflow is unrolled.
    """

    command: Literal["request_plan"] = "request_plan"
    epoch: int
    reason: PlanReason
    known_from: dict[StepId, AttemptId] = Field(default_factory=dict)
    facts: Facts = Facts()
    without_agents: tuple[AgentName, ...] = ()
    refused: dict[StepId, tuple[AgentName, ...]] = Field(default_factory=dict)
    without_nodes: tuple[NodeId, ...] = ()


class WakeAt(Versioned):
    """Send TimePassed at this moment (seconds from admission).

    ``for_late``: attempts that still run then are late. If none does, nobody need be woken.
    """

    command: Literal["wake_at"] = "wake_at"
    at_s: float
    for_late: bool = False


class Learn(Versioned):
    """An outcome for the learner."""

    command: Literal["learn"] = "learn"
    outcome: Outcome


class RunStatus(StrEnum):
    """Where a run is. ``in_doubt``: nothing goes on before somebody says whether an irreversible act has happened."""

    PLANNING = "planning"
    RUNNING = "running"
    IN_DOUBT = "in_doubt"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    ended: bool  # whether nothing more will happen; read many times for each event


for _status in RunStatus:
    _status.ended = _status in {RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED}


class EndRun(Versioned):
    """The run has ended: collect what it returns and free the rest."""

    command: Literal["end_run"] = "end_run"
    status: RunStatus
    outputs: dict[str, Source] = Field(default_factory=dict)
    failure: Failure | None = None


Command = Annotated[
    Dispatch
    | Confirm
    | Promote
    | Flush
    | Verify
    | EvaluateQuorum
    | Restore
    | Deliver
    | RequestPlan
    | WakeAt
    | Learn
    | EndRun,
    Field(discriminator="command"),
]
