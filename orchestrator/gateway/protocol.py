"""The protocol through which HTTP handlers reach runs, cluster and learner."""

from collections.abc import Sequence
from typing import Literal, Protocol, Self, TypeVar

from pydantic import Field, JsonValue, model_validator

from learner.registry import Manifest
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.errors import ForerunError
from planners.graph import PlanFigures
from planners.model import StepId, TaskId, Versioned
from planners.plans import Plan
from planners.speculative.cheaper_agents import CheaperAgent
from planners.speculative.plan_advice import PlanAdvice
from planners.speculative.route_chances import RouteChances
from planners.tasks import AdmittedTask, Task
from reconciler.state.outcomes import Verdict
from reconciler.views.context import ContextView
from reconciler.views.graph import RunGraph
from reconciler.views.logs import LogPage, LogQuery
from reconciler.views.models import (
    Changes,
    EventPage,
    FailuresView,
    PlansView,
    TaskFilter,
    TaskPage,
    TaskView,
    Timeline,
)
from reconciler.views.step_view import StepView

# The name of the last event of every stream. It has no id, so that no client resumes after it.
END_OF_EVENTS = "end"

View = TypeVar("View", TaskView, PlansView, Timeline, FailuresView, ContextView, RunGraph, PlanAdvice)


class Preview(Versioned):
    """Both plans of a task, made without running it, and the verdict that each speculative attempt would get."""

    speculative: Plan | None = Field(default=None, description="The guess; null if there is none")
    optimal: Plan = Field(description="The optimal plan")
    speculative_plan_ms: float | None = Field(default=None, description="Milliseconds of the speculative planner")
    optimal_plan_s: float = Field(description="Seconds of the optimal planner")
    similarity: float | None = Field(default=None, description="Mean of the two F1 scores; null without a guess")
    step_f1: float | None = Field(default=None, description="F1 of the steps")
    edge_f1: float | None = Field(default=None, description="F1 of the edges")
    placement_similarity: float | None = Field(
        default=None, description="Share of the common steps with the same placement"
    )
    verdicts: dict[StepId, Verdict] = Field(
        default_factory=dict, description="Step of the speculative plan -> the verdict that it would get"
    )
    dispatched: tuple[StepId, ...] = Field(default=(), description="Steps that only the optimal plan holds")
    figures: PlanFigures = Field(default=PlanFigures(), description="Figures of the optimal plan")
    routes: tuple[RouteChances, ...] = Field(default=(), description="How probable the branches of its routes are")
    cheaper: tuple[CheaperAgent, ...] = Field(
        default=(), description="Cheaper agents where there is slack; with all of them, the plan ends no later"
    )
    hints: tuple[str, ...] = Field(default=(), description="What would shorten the plan, the largest gain first")


class LearnerVersions(Versioned):
    """The stored versions of the learned models."""

    in_use: int | None = Field(default=None, description="The version in use; null until the first one is trained")
    versions: tuple[Manifest, ...] = Field(default=(), description="The stored versions, oldest first")


class StepAnswer(Versioned):
    """An answer to a step that waits for one: an approval (``approved``), or a callback (``output``)."""

    approved: bool = Field(default=True, description="Whether it is approved")
    output: JsonValue = Field(default=None, description="The output of a callback")
    comment: str = Field(default="", max_length=2_000, description="A reason, for the record")
    by: str = Field(default="", max_length=200, description="Who says so, for the record")


class LimitsChange(Versioned):
    """What a task does about its limits: they are raised, or it ends where it asks about them."""

    action: Literal["raise", "finish", "fail"] = Field(
        default="raise",
        description="`raise`: the limits given here replace those of the task; `finish`: it returns what is there; "
        "`fail`: it fails",
    )
    budget_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="The new budget in dollars")
    budget_tokens: int | None = Field(default=None, gt=0, le=2**53, description="The new budget in tokens")
    deadline_s: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="The new deadline, seconds from admission"
    )
    comment: str = Field(default="", max_length=2_000, description="A reason, for the record")
    by: str = Field(default="", max_length=200, description="Who says so, for the record")

    @model_validator(mode="after")
    def _limits_go_with_raise(self) -> Self:
        given = [one for one in (self.budget_usd, self.budget_tokens, self.deadline_s) if one is not None]
        if bool(given) != (self.action == "raise"):
            raise ValueError("give new limits with the action raise, and none with the others")
        return self


class Resolution(Versioned):
    """What a person knows about an irreversible act in doubt: whether it happened, and then what it returned."""

    happened: bool = Field(description="Whether the act happened")
    output: JsonValue = Field(default=None, description="What it returned, if it happened")
    by: str = Field(default="", max_length=200, description="Who says so, for the record")

    @model_validator(mode="after")
    def _output_needs_an_act(self) -> Self:
        if not self.happened and self.output is not None:
            raise ValueError("an act that did not happen has no output; leave output out")
        return self


class Gateway(Protocol):
    """Everything the HTTP API can ask for. Methods with a task id raise UnknownTask if there is no such task.

    Every method may raise Unavailable.
    """

    async def submit(self, task: AdmittedTask, wait_s: float = 0.0) -> TaskView:
        """Accept a task. It is durable when this returns.

        Returns the task as it is then, or with ``wait_s`` once it has ended, but no later than after so many seconds.
        If the idempotency key was used before for the same task, return that task's view and change nothing.

        Raises:
            IdempotencyConflict: the key was used for another task.
            Overloaded: the queue is full.
        """
        ...

    async def submit_many(self, tasks: Sequence[AdmittedTask]) -> list[TaskView | ForerunError]:
        """Accept many tasks at once: for each its view, or why it was not accepted."""
        ...

    async def read(self, task_id: TaskId, view: type[View]) -> View:
        """A view of the task as it is now: `TaskView`, `PlansView`, `Timeline`, `FailuresView` or `RunGraph`."""
        ...

    async def wait(self, task_id: TaskId, wait_s: float) -> TaskView:
        """The task once it has ended, or as it is after ``wait_s`` seconds."""
        ...

    async def list_tasks(self, limit: int, before: str | None, where: TaskFilter) -> TaskPage:
        """Tasks that match a filter, newest first, starting after the task id ``before``."""
        ...

    async def cancel(self, task_id: TaskId, reason: str) -> TaskView:
        """Cancel the run. A task that has ended is returned unchanged."""
        ...

    async def retried(self, task_id: TaskId, from_step: StepId | None) -> Task:
        """The task that runs an ended one again; it is yet to be submitted.

        Raises:
            UnknownStep: the task has no such step.
            CannotRetry: the task has not ended, or an act would be repeated.
        """
        ...

    async def resolve(self, task_id: TaskId, step: StepId, resolution: Resolution) -> TaskView:
        """Tell the run whether the act of a step in doubt has happened; durable when this returns.

        Raises:
            UnknownStep: the task has no such step.
            NotInDoubt: the step is not in doubt.
        """
        ...

    async def answer(self, task_id: TaskId, step: StepId, answer: StepAnswer) -> TaskView:
        """Answer a step that waits for a person or a message; durable when this returns.

        Raises:
            UnknownStep: the task has no such step.
            NotAsked: the step does not wait for an answer.
            InvalidAnswer: a callback cannot take it.
        """
        ...

    async def heartbeat(self, task_id: TaskId, step: StepId) -> bool:
        """The outside system for which a callback waits is still at work; whether the callback waits by now.

        Raises:
            UnknownStep: the task has no such step.
            NotAsked: the step is no callback that needs heartbeats, or does not wait any more.
        """
        ...

    async def change_limits(self, task_id: TaskId, change: LimitsChange) -> TaskView:
        """Raise limits of a task, or say how it ends at one; durable when this returns.

        Raises:
            NotAsked: the task has ended, or does not ask.
            InvalidLimits: the task has no such limit, or it would not be raised.
        """
        ...

    async def events(self, task_id: TaskId, after: int, wait_s: float) -> EventPage:
        """Events after a sequence number; waits up to ``wait_s`` seconds for the first one."""
        ...

    async def logs(self, task_id: TaskId, query: LogQuery, wait_s: float) -> LogPage:
        """What the attempts of a task have printed and logged; waits up to ``wait_s`` seconds for the first line."""
        ...

    async def step(self, task_id: TaskId, step: StepId) -> StepView:
        """One step of the task as it is now.

        Raises:
            UnknownStep: the task has no such step.
        """
        ...

    async def changes(self, task_id: TaskId, after: int, wait_s: float) -> Changes:
        """What has changed after a sequence number; waits up to ``wait_s`` seconds for the first change."""
        ...

    async def output(self, task_id: TaskId, step: StepId) -> JsonValue:
        """The output of a finished step.

        Raises:
            UnknownStep: the task has no such step.
            OutputNotReady: the step has not finished.
        """
        ...

    async def preview(self, task: Task) -> Preview:
        """Make both plans without running the task.

        Raises:
            PlanningError: no plan can be made.
        """
        ...

    async def nodes(self) -> ClusterSnapshot:
        """The cluster as it is now."""
        ...

    async def learner(self) -> dict[str, JsonValue]:
        """The learner's status."""
        ...

    async def learner_versions(self) -> LearnerVersions:
        """The stored versions of the learned models.

        Raises:
            LearnerOff: the learner is switched off.
        """
        ...

    async def learner_rollback(self, version: int | None) -> LearnerVersions:
        """Switch to a stored version, or to the previous one for None.

        Raises:
            LearnerOff: the learner is switched off.
            LearnerError: there is no such version, or it is damaged; nothing was changed.
        """
        ...

    async def reload(self, catalog: Catalog) -> None:
        """Give planner and shards a new catalog. If one of them does not answer, do it again."""
        ...

    async def catalog(self, known: str) -> Catalog | None:
        """The catalog of tasks that are submitted now; None if its identity is the known one."""
        ...

    async def metrics(self) -> Sequence[str]:
        """Prometheus expositions, one per shard."""
        ...

    async def ready(self) -> None:
        """Return if tasks can be submitted.

        Raises:
            Unavailable: a shard or the planner does not answer.
            JournalUnavailable: the journal cannot be written.
            StartingUp: a shard is starting.
        """
        ...
