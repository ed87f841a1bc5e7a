"""The answers of the API about tasks. All ``_s`` but ``submitted_at_s`` count seconds from admission."""

import json
from typing import Any, Literal

from pydantic import Field, JsonValue

from planners.model import AgentName, AttemptId, Model, NodeId, StepId, TaskId, Versioned
from planners.plans import Plan
from planners.tasks import Mode
from planners.workflow import Skipped
from reconciler.gate import Appraisal, Decision
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import Completion
from reconciler.state.handoff import Failure
from reconciler.state.outcomes import Verdict
from reconciler.state.step_state import StepStatus
from reconciler.state.waiting import WaitReason
from reconciler.views.limits import LimitsView
from reconciler.views.progress import AttemptProgress


class StepCounts(Versioned):
    """How many steps of the current plan are in which state."""

    total: int = Field(default=0, description="Steps of the current plan")
    waiting: int = Field(default=0, description="Steps that have not started")
    running: int = Field(default=0, description="Steps that were dispatched or run")
    finished: int = Field(default=0, description="Steps with an output")
    in_doubt: int = Field(default=0, description="Irreversible steps that may or may not have acted")
    skipped: int = Field(default=0, description="Steps that are not run")


class Doubt(Versioned):
    """An irreversible attempt that was lost and may have acted."""

    step: StepId = Field(description="The step in doubt")
    attempt: AttemptId = Field(description="The attempt that was lost")
    agent: AgentName = Field(description="Its agent")
    node: NodeId = Field(description="Its node")
    since_s: float = Field(description="When it was lost")
    verifying: bool = Field(description="Its verify hook is being asked")
    reason: str = Field(default="", description="Why it was lost")
    failure: Failure | None = Field(default=None, description="More of it, without traceback and inputs")


class UndoingView(Model):
    """How a task that has failed or was cancelled undoes what it has done, before it ends."""

    reason: str = Field(description="Why the task ends")
    left: int = Field(default=0, description="Steps that are still to be undone")
    undone: tuple[StepId, ...] = Field(default=(), description="Steps that are undone, the first of them")
    failed: dict[StepId, str] = Field(
        default_factory=dict, description="Compensation -> why it could not be carried out, for the first of them"
    )


class TaskView(Versioned):
    """A task as `GET /v1/tasks/{id}` shows it."""

    id: TaskId = Field(description="The task's id")
    name: str = Field(default="", description="Its name for people")
    kind: str = Field(default="", description="The class of tasks it belongs to")
    mode: Mode = Field(default=Mode.FORERUN, description="When agents may start")
    status: RunStatus = Field(description="Where the task is")
    submitted_at_s: float = Field(description="Seconds since the epoch")
    labels: dict[str, str] = Field(default_factory=dict, description="The user's own labels")
    epoch: int = Field(default=0, description="Number of the current plan")
    steps: StepCounts = Field(default=StepCounts(), description="How many steps are in which state")
    first_dispatch_s: float | None = Field(default=None, description="When the first agent started")
    speculative_plan_s: float | None = Field(default=None, description="When the speculative plan arrived")
    optimal_plan_s: float | None = Field(default=None, description="When the optimal plan was complete")
    ended_s: float | None = Field(default=None, description="When the task ended")
    saved_s: float | None = Field(
        default=None,
        description="How much earlier the run ended than it would have if nothing had started before the optimal "
        "plan was complete",
    )
    agent_s: float = Field(default=0.0, description="Agent-seconds of all attempts")
    wasted_s: float = Field(default=0.0, description="Agent-seconds of flushed attempts")
    failed_s: float = Field(default=0.0, description="Agent-seconds of confirmed attempts that failed")
    failed_attempts: int = Field(default=0, description="Attempts that failed, retried ones included")
    hedges: int = Field(default=0, description="Second attempts beside late ones")
    usd: float = Field(default=0.0, description="Dollars of all attempts")
    wasted_usd: float = Field(default=0.0, description="Dollars of flushed attempts")
    similarity: float | None = Field(
        default=None, description="Of the guess to the optimal plan, 0..1; known once the task has ended"
    )
    outputs: dict[str, JsonValue] | None = Field(
        default=None, description="The outputs by name, once the task has succeeded; lists of tasks leave them out"
    )
    failure: Failure | None = Field(default=None, description="Why the task failed")
    undoing: UndoingView | None = Field(
        default=None, description="What is undone after the task has failed or was cancelled; null if nothing is"
    )
    in_doubt: tuple[Doubt, ...] = Field(default=(), description="Irreversible attempts that may or may not have acted")
    given_up: dict[StepId, str] = Field(
        default_factory=dict,
        description="Step -> why the workflow went on without it, for the first of them. If there are any, the "
        "outputs may be partial",
    )
    completions: tuple[Completion, ...] = Field(
        default=(), description="How fan-outs with a policy ended, the first of them"
    )
    waiting: tuple[WaitReason, ...] = Field(
        default=(), description="Why steps wait, the first of them; the timeline has all"
    )
    limits: LimitsView | None = Field(
        default=None, description="Its limits as they are now, and what it asks about them; null if it has none"
    )
    notices: tuple[str, ...] = Field(
        default=(), description="What was noticed about its agents: effects that they do not declare, blocking code"
    )

    @property
    def needs_resolution(self) -> bool:
        """Whether the task waits for a person to say whether an irreversible act has happened."""
        return self.status is RunStatus.IN_DOUBT and any(not doubt.verifying for doubt in self.in_doubt)


class TaskFilter(Versioned):
    """Which tasks a list holds: those with all the given properties. ``text`` is a part of the name, kind or id."""

    status: RunStatus | None = None
    text: str = ""
    labels: dict[str, str] = Field(default_factory=dict)

    def describes(self, view: TaskView) -> bool:
        """Whether a task has the text and the labels; its status is not looked at."""
        named = any(self.text.lower() in part.lower() for part in (view.name, view.kind, view.id))
        return named and self.labels.items() <= view.labels.items()


class TaskPage(Versioned):
    """A page of the list of tasks."""

    tasks: tuple[TaskView, ...] = Field(description="The tasks, newest first, without outputs and tracebacks")
    next_before: str | None = Field(default=None, description="`before` of the next page; null on the last one")


class StoredEvent(Versioned):
    """One recorded fact of a run. ``seq`` counts from 1 within the task and is the SSE event id."""

    seq: int = Field(ge=1)
    at_s: float
    kind: str
    data: dict[str, Any]


class EncodedEvent(Versioned):
    """A stored event whose data is JSON text, as the journal has it: it is encoded once, and parsed only on demand."""

    seq: int
    at_s: float
    kind: str
    text: str

    @property
    def data(self) -> dict[str, Any]:
        """The data, parsed anew at each access."""
        data: dict[str, Any] = json.loads(self.text)
        return data

    def json_text(self) -> str:
        """The JSON of the `StoredEvent`."""
        kind, at_s = json.dumps(self.kind), json.dumps(self.at_s)
        return f'{{"v":{self.v},"seq":{self.seq},"at_s":{at_s},"kind":{kind},"data":{self.text}}}'


class EventPage(Versioned):
    """The next events after a sequence number, as many as a page holds. ``ended``: none will follow these."""

    events: tuple[EncodedEvent, ...]
    ended: bool


class TimelineBar(Versioned):
    """One attempt on the timeline."""

    attempt: AttemptId = Field(description="The attempt's id")
    step: StepId = Field(description="The step that it serves")
    capability: str = Field(description="What the step asks for")
    agent: AgentName = Field(description="The agent")
    node: NodeId = Field(description="The node")
    epoch: int = Field(description="The plan that it belongs to")
    speculative: bool = Field(description="Whether it started before a plan confirmed it")
    verdict: Verdict | None = Field(
        default=None,
        description="What has become of it; null while that is open, and for a failed attempt that was not flushed",
    )
    status: str = Field(description="Where the attempt is")
    dispatched_s: float = Field(description="When it was dispatched")
    started_s: float | None = Field(default=None, description="When the agent began")
    ended_s: float | None = Field(default=None, description="When it ended")
    usd: float = Field(default=0.0, description="What it cost")
    title: str = Field(default="", description="The step's title for people")
    reason: str = Field(default="", description="Why it failed, was cancelled or is in doubt")
    failure: Failure | None = Field(
        default=None, description="The failure without traceback and inputs; `/failures` has all"
    )
    appraisal: Appraisal | None = Field(
        default=None, description="The gate's, if it started before a plan confirmed it"
    )
    hedges: AttemptId | None = Field(
        default=None, description="The late attempt beside which it does the same work, while both run"
    )
    beside: Literal["hedge", "standby"] | None = Field(
        default=None,
        description="Why it was started beside another attempt at its step: a `hedge` does the same work as one that "
        "is late, a `standby` is the agent that takes over if the output of the first one is refused",
    )
    progress: AttemptProgress | None = Field(default=None, description="What its agent has told of its progress last")


class MessageNote(Model):
    """A message between the agents of a task, without its body."""

    id: str = Field(description="The step that has published it, and its number there")
    step: StepId = Field(description="That step")
    attempt: AttemptId = Field(description="The attempt that has published it")
    topic: str = Field(description="The topic; empty for a reply")
    reply_to: str = Field(default="", description="The message that it answers")
    size_bytes: int = Field(description="Bytes of its body as JSON")
    at_s: float | None = Field(description="When it was delivered; null while it is staged")


class Timeline(Versioned):
    """All attempts of a task in order of dispatch, when its plans arrived, and why steps wait or are skipped."""

    task: TaskId = Field(description="The task's id")
    bars: tuple[TimelineBar, ...] = Field(description="All attempts in order of dispatch")
    speculative_plan_s: float | None = Field(default=None, description="When the speculative plan arrived")
    optimal_plan_s: float | None = Field(default=None, description="When the optimal plan was complete")
    ended_s: float | None = Field(default=None, description="When the task ended")
    waiting: tuple[WaitReason, ...] = Field(default=(), description="Why unfinished steps wait")
    skipped: tuple[Skipped, ...] = Field(default=(), description="Steps that are not run, and why")
    completions: tuple[Completion, ...] = Field(default=(), description="How fan-outs with a policy ended")
    limits: LimitsView | None = Field(default=None, description="Its limits, and what people have said about them")
    refusals: tuple[Decision, ...] = Field(
        default=(), description="Guessed steps that the gate refused to the last, at most the first thousand"
    )
    messages: tuple[MessageNote, ...] = Field(
        default=(),
        exclude_if=lambda messages: not messages,
        description="What agents have told each other, at most the last thousand messages",
    )


class StepNote(Model):
    """The state of one step, and why it is in it."""

    step: StepId = Field(description="The step's id")
    status: StepStatus = Field(description="Its state; for a state that an attempt shows, the attempt counts")
    reason: str = Field(default="", description="Why it is in this state")
    at_s: float = Field(default=0.0, description="Since when")


class Changes(Versioned):
    """What has changed of a run since a fact of it, or all of it."""

    seq: int = Field(description="The number of the last fact that this includes")
    planned_seq: int = Field(
        default=0, description="The number of the last plan or guess: read the graph again when it grows"
    )
    at_s: float = Field(default=0.0, description="Now")
    view: TaskView = Field(description="The task")
    bars: tuple[TimelineBar, ...] = Field(default=(), description="Attempts; they replace those with the same ids")
    steps: tuple[StepNote, ...] = Field(
        default=(), description="States of steps that no attempt shows; they replace those of the same steps"
    )
    ended: bool = Field(default=False, description="Nothing will follow")


class FailedAttempt(Versioned):
    """One attempt that failed, or that is in doubt, with everything that is known of it."""

    attempt: AttemptId = Field(description="The attempt's id")
    step: StepId = Field(description="The step that it served")
    agent: AgentName = Field(description="The agent")
    node: NodeId = Field(description="The node")
    status: str = Field(description="`failed` or `in_doubt`")
    began_s: float | None = Field(default=None, description="When the agent began")
    ended_s: float | None = Field(default=None, description="When it ended")
    failure: Failure = Field(description="Everything that is known of the failure")


class FailuresView(Versioned):
    """The latest failed attempts of a task, the latest first, those that were retried included."""

    task: TaskId = Field(description="The task's id")
    failures: tuple[FailedAttempt, ...] = Field(default=(), description="The latest first, retried ones included")


class PlansView(Versioned):
    """The speculative and the optimal plan, their similarity (0..1, None while one is missing), verdicts by attempt."""

    task: TaskId = Field(description="The task's id")
    speculative: Plan | None = Field(default=None, description="The last guess")
    optimal: Plan | None = Field(default=None, description="The optimal plan")
    similarity: float | None = Field(
        default=None, description="Mean of the two F1 scores; null while a plan is missing"
    )
    step_f1: float | None = Field(default=None, description="F1 of the steps")
    edge_f1: float | None = Field(default=None, description="F1 of the edges")
    placement_similarity: float | None = Field(
        default=None, description="Share of the common steps with the same placement"
    )
    verdicts: dict[AttemptId, Verdict] = Field(default_factory=dict, description="Attempt -> verdict")
