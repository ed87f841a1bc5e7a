"""Tasks: what a user submits. A goal or a declared workflow, with inputs, an objective and limits."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from planners.literals import NamedLiterals, name_literals
from planners.model import Measured, Model, StepId, TaskId, Versioned
from planners.plans import Plan
from planners.workflow import Workflow, unwrapped_bindings, unwrapped_nodes


class Objective(Measured):
    """What the plan minimises: latency_weight * makespan_s + usd_weight * dollars, no step below min_quality."""

    latency_weight: float = Field(default=1.0, ge=0, le=1e12, description="Weight of a second of the plan's makespan")
    usd_weight: float = Field(default=0.0, ge=0, le=1e12, description="Weight of a dollar")
    min_quality: float = Field(default=0.0, ge=0, le=1, description="Agents of lower quality are not used")

    @model_validator(mode="after")
    def _has_a_weight(self) -> Self:
        if self.latency_weight == 0 and self.usd_weight == 0:
            raise ValueError("latency_weight and usd_weight are both 0, so all plans are equal; give one a weight")
        return self


# What happens at a limit of a task.
LimitAction = Literal["fail", "finish", "ask"]


class Limits(Measured):
    """Hard bounds. A task that exceeds one fails and names the limit, unless the task says otherwise."""

    deadline_s: float | None = Field(
        default=None, gt=0, description="The task is to end so many seconds after its admission; see `on_deadline`"
    )
    budget_usd: float | None = Field(
        default=None, ge=0, description="No step starts whose expected dollars would exceed this budget"
    )
    budget_tokens: int | None = Field(
        default=None,
        ge=0,
        exclude_if=lambda tokens: tokens is None,
        description="No step starts whose declared tokens would exceed this budget, and none of an agent that uses "
        "tokens once it is spent",
    )
    on_budget: LimitAction = Field(
        default="fail",
        exclude_if=lambda action: action == "fail",
        description="What happens then: the task fails, goes on without such steps and returns what is there "
        "(`finish`), or waits until a person raises the budget or ends the task (`ask`)",
    )
    on_deadline: LimitAction = Field(
        default="fail",
        exclude_if=lambda action: action == "fail",
        description="What happens at the deadline: the task fails, stops and returns what is there (`finish`), or "
        "starts nothing more until a person sets a later deadline or ends the task (`ask`)",
    )
    context_bytes: int = Field(
        default=4_000_000,
        ge=0,
        le=1_000_000_000,
        strict=True,
        exclude_if=lambda most: most == 4_000_000,
        description="The most bytes of JSON that its steps may add to the context of the task",
    )
    mailbox_bytes: int = Field(
        default=4_000_000,
        ge=0,
        le=1_000_000_000,
        strict=True,
        exclude_if=lambda most: most == 4_000_000,
        description="The most bytes of JSON that its agents may tell each other in messages",
    )
    proposal_depth: int = Field(
        default=3,
        ge=0,
        le=8,
        strict=True,
        exclude_if=lambda depth: depth == 3,
        description="How deep proposals of agents may nest; 0: none is taken",
    )
    proposed_steps: int = Field(
        default=1_000,
        ge=0,
        le=10_000,
        strict=True,
        exclude_if=lambda steps: steps == 1_000,
        description="The most nodes that agents may propose in the whole task",
    )


class Mode(StrEnum):
    """When agents may start; the modes serve as baselines for each other.

    ``forerun`` speculates; ``streamed`` starts confirmed steps while the plan still streams; ``wait`` starts when the
    optimal plan is complete; ``plan_cache`` speculates only on a cached plan for the same shape of goal;
    ``list_schedule`` never asks the optimal planner; ``oracle`` runs a given plan at once.
    """

    FORERUN = "forerun"
    STREAMED = "streamed"
    WAIT = "wait"
    PLAN_CACHE = "plan_cache"
    LIST_SCHEDULE = "list_schedule"
    ORACLE = "oracle"


class Interchange(StrEnum):
    """Whether the work of another agent may replace that of the planned agent: ``exact`` never."""

    EXACT = "exact"
    INTERCHANGEABLE = "interchangeable"


class PlanningOptions(Measured):
    """How the task is planned, and how much is speculated."""

    mode: Mode = Field(default=Mode.FORERUN, description="When agents may start")
    alpha: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="The gate's dial: 0 speculates only where it surely pays, 1 wherever it may pay. Default: "
        "`gate.alpha` of the settings",
    )
    value_of_time_usd_per_s: float = Field(
        default=0.01, ge=0, description="What a second of waiting is worth; by default an hour is worth 36 dollars"
    )
    interchange: Interchange = Field(
        default=Interchange.EXACT, description="Whether the work of another agent may replace that of the planned agent"
    )
    time_limit_s: float = Field(
        default=10.0, gt=0, le=600, description="Seconds that the optimal planner may search for a better plan"
    )
    seed: int = Field(
        default=0, description="Seed of the optimal planner: the same task, cluster and seed give the same plan"
    )
    fallback: bool = Field(
        default=False, description="If the optimal planner fails, run the speculative plan instead of failing"
    )
    learn: bool = Field(
        default=True, description="False: nothing is learned from this task, because it is a rehearsal or a measurement"
    )
    plan: Plan | None = Field(default=None, description="The optimal plan of mode `oracle`")

    @model_validator(mode="after")
    def _oracle_has_its_plan(self) -> Self:
        if (self.mode is Mode.ORACLE) != (self.plan is not None):
            raise ValueError("mode oracle needs a plan, and only mode oracle takes one; give both or neither")
        return self


class RetryOf(Model):
    """An ended task whose finished work is kept where its work keys still hold.

    ``from_step``: this step and everything behind it is run again. An act that has happened is never run again.
    """

    task: TaskId = Field(description="The ended task")
    from_step: StepId | None = Field(default=None, description="Run this step and everything behind it again")


_LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")]
_LabelValue = Annotated[str, StringConstraints(max_length=500)]
Labels = Annotated[dict[_LabelKey, _LabelValue], Field(max_length=32)]


class Task(Versioned):
    """One submission: a goal or a workflow, with inputs, an objective and limits."""

    name: str = Field(default="", max_length=200, description="A name for people")
    kind: str = Field(default="", max_length=200, description="The class of tasks it belongs to, for learning")
    goal: str | None = Field(default=None, min_length=1, description="What to do, in plain words")
    workflow: Workflow | None = Field(default=None, description="What to do, as declared steps")
    inputs: dict[str, JsonValue] = Field(
        default_factory=dict, description="Values by name; steps refer to them as `$inputs.NAME`"
    )
    objective: Objective = Field(default=Objective(), description="What the plan minimises")
    limits: Limits = Field(default=Limits(), description="Deadline and budget")
    planning: PlanningOptions = Field(
        default=PlanningOptions(), description="How the task is planned, and how much is speculated"
    )
    labels: Labels = Field(
        default_factory=dict,
        exclude_if=lambda labels: not labels,
        description="Your own labels: stored and shown with the task, and lists can be filtered by them. No agent sees "
        "them",
    )
    # Left out where there is none: the digests of tasks of earlier versions do not know it.
    retry_of: RetryOf | None = Field(
        default=None,
        exclude_if=lambda retry: retry is None,
        description="The ended task that this one runs again; `POST /v1/tasks/{id}:retry` sets it",
    )

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, raw: Any) -> Any:
        workflow = raw.get("workflow") if isinstance(raw, dict) and "v" in raw else None
        if not isinstance(workflow, dict):
            return raw
        read = {"steps": unwrapped_nodes, "outputs": unwrapped_bindings}
        return raw | {"workflow": {name: read.get(name, _same)(value) for name, value in workflow.items()}}

    @model_validator(mode="after")
    def _has_one_thing_to_do(self) -> Self:
        if self.goal is None and self.workflow is None:
            raise ValueError(
                "it has neither a goal nor a workflow; add a goal (in words) or a workflow (declared steps)"
            )
        if self.goal is not None and self.workflow is not None:
            raise ValueError("it has both a goal and a workflow; leave one of them out")
        return self

    @property
    def plannable(self) -> Workflow | None:
        """The declared workflow, with large literals named (`planners.literals`). What planners unroll."""
        return self._named.workflow if self._named is not None else None

    @property
    def values(self) -> Mapping[str, JsonValue]:
        """Name -> value of whatever an `InputRef` in a plan may refer to: task inputs and named literals."""
        return self._named.values if self._named is not None else self.inputs

    @cached_property
    def _named(self) -> NamedLiterals | None:
        return name_literals(self.workflow, self.inputs) if self.workflow is not None else None


class AdmittedTask(Versioned):
    """A task that the service accepted: its id, and when (seconds since the epoch)."""

    id: TaskId
    task: Task
    submitted_at_s: float
    idempotency_key: str | None = None


def _same(value: Any) -> Any:
    return value
