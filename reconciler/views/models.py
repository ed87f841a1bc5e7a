"""The answers of the API about tasks. All ``_s`` but ``submitted_at_s`` count seconds from admission."""

from typing import Any

from pydantic import Field, JsonValue

from planners.model import AgentName, AttemptId, NodeId, StepId, TaskId, Versioned
from planners.plans import Plan
from planners.tasks import Mode
from planners.workflow import Skipped
from reconciler.gate import Appraisal, Decision
from reconciler.state.commands import RunStatus
from reconciler.state.fan_outs import Completion
from reconciler.state.handoff import Failure
from reconciler.state.outcomes import Verdict
from reconciler.state.waiting import WaitReason


class StepCounts(Versioned):
    """How many steps of the current plan are in which state."""

    total: int = 0
    waiting: int = 0
    running: int = 0
    finished: int = 0
    in_doubt: int = 0
    skipped: int = 0


class Doubt(Versioned):
    """An irreversible attempt that was lost and may have acted.

    ``verifying``: its verify hook is being asked. ``reason``: why it was lost; ``failure`` tells more, without
    traceback and inputs.
    """

    step: StepId
    attempt: AttemptId
    agent: AgentName
    node: NodeId
    since_s: float
    verifying: bool
    reason: str = ""
    failure: Failure | None = None


class TaskView(Versioned):
    """A task as `GET /v1/tasks/{id}` shows it.

    ``saved_s`` is how much earlier the run ended than it would have if nothing had started before the optimal plan was
    whole. ``agent_s`` counts the agent-seconds of all attempts, ``wasted_s`` those of flushed ones, ``failed_s`` those
    of confirmed ones that failed. ``failed_attempts`` counts all that failed, retried ones included; ``failure`` is
    that of the task. ``waiting`` says why steps wait, for the first of them; the timeline has all. ``similarity``
    (0..1) of the guess to the optimal plan is known once the task has ended.

    ``given_up`` says why the workflow went on without steps that failed, and ``completions`` how fan-outs with a policy
    ended: the first of each. Where there are any, the outputs may be partial.
    """

    id: TaskId
    name: str = ""
    kind: str = ""
    mode: Mode = Mode.FORERUN
    status: RunStatus
    submitted_at_s: float
    labels: dict[str, str] = Field(default_factory=dict)
    epoch: int = 0
    steps: StepCounts = StepCounts()
    first_dispatch_s: float | None = None
    speculative_plan_s: float | None = None
    optimal_plan_s: float | None = None
    ended_s: float | None = None
    saved_s: float | None = None
    agent_s: float = 0.0
    wasted_s: float = 0.0
    failed_s: float = 0.0
    failed_attempts: int = 0
    usd: float = 0.0
    wasted_usd: float = 0.0
    similarity: float | None = None
    outputs: dict[str, JsonValue] | None = None
    failure: Failure | None = None
    in_doubt: tuple[Doubt, ...] = ()
    given_up: dict[StepId, str] = Field(default_factory=dict)
    completions: tuple[Completion, ...] = ()
    waiting: tuple[WaitReason, ...] = ()

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
    """Tasks, newest first. ``next_before`` is the ``before`` of the next page, None on the last one."""

    tasks: tuple[TaskView, ...]
    next_before: str | None = None


class StoredEvent(Versioned):
    """One recorded fact of a run. ``seq`` counts from 1 within the task and is the SSE event id."""

    seq: int = Field(ge=1)
    at_s: float
    kind: str
    data: dict[str, Any]


class EventPage(Versioned):
    """The next events after a sequence number, as many as a page holds. ``ended``: none will follow these."""

    events: tuple[StoredEvent, ...]
    ended: bool


class TimelineBar(Versioned):
    """One attempt on the timeline.

    A failed attempt has no verdict, unless it was flushed: nothing of it was used. ``failure`` says why it failed, or
    why it is in doubt, without traceback and inputs; `FailuresView` has all. ``appraisal`` is the gate's, if it started
    before a plan confirmed it.
    """

    attempt: AttemptId
    step: StepId
    capability: str
    agent: AgentName
    node: NodeId
    epoch: int
    speculative: bool
    verdict: Verdict | None = None
    status: str
    dispatched_s: float
    started_s: float | None = None
    ended_s: float | None = None
    usd: float = 0.0
    title: str = ""
    reason: str = ""
    failure: Failure | None = None
    appraisal: Appraisal | None = None


class Timeline(Versioned):
    """All attempts of a task in order of dispatch, when its plans arrived, and why steps wait or are skipped.

    ``refusals``: guessed steps that the gate refused to the last, at most the first thousand.
    """

    task: TaskId
    bars: tuple[TimelineBar, ...]
    speculative_plan_s: float | None = None
    optimal_plan_s: float | None = None
    ended_s: float | None = None
    waiting: tuple[WaitReason, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    completions: tuple[Completion, ...] = ()
    refusals: tuple[Decision, ...] = ()


class Changes(Versioned):
    """What has changed of a run since a fact of it, or all of it.

    ``seq`` is the number of the last fact that this includes, ``planned_seq`` that of the last plan or guess: the graph
    is to be read again when it grows. ``at_s`` is now. ``bars`` replace those of the same attempts. ``ended``: nothing
    will follow.
    """

    seq: int
    planned_seq: int = 0
    at_s: float = 0.0
    view: TaskView
    bars: tuple[TimelineBar, ...] = ()
    ended: bool = False


class FailedAttempt(Versioned):
    """One attempt that failed, or that is in doubt, with everything that is known of it."""

    attempt: AttemptId
    step: StepId
    agent: AgentName
    node: NodeId
    status: str
    began_s: float | None = None
    ended_s: float | None = None
    failure: Failure


class FailuresView(Versioned):
    """The latest failed attempts of a task, the latest first, those that were retried included."""

    task: TaskId
    failures: tuple[FailedAttempt, ...] = ()


class PlansView(Versioned):
    """The speculative and the optimal plan, their similarity (0..1, None while one is missing), verdicts by attempt."""

    task: TaskId
    speculative: Plan | None = None
    optimal: Plan | None = None
    similarity: float | None = None
    step_f1: float | None = None
    edge_f1: float | None = None
    placement_similarity: float | None = None
    verdicts: dict[AttemptId, Verdict] = Field(default_factory=dict)
