"""Tasks: what a user submits. A goal or a declared workflow, with inputs, an objective and limits."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from planners.literals import NamedLiterals, name_literals
from planners.model import Measured, Model, StepId, TaskId, Versioned
from planners.plans import Plan
from planners.workflow import Workflow, unwrapped_bindings, unwrapped_nodes


class Objective(Measured):
    """What the plan minimises: latency_weight * makespan_s + usd_weight * dollars, no step below min_quality."""

    latency_weight: float = Field(default=1.0, ge=0, le=1e12)
    usd_weight: float = Field(default=0.0, ge=0, le=1e12)
    min_quality: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _has_a_weight(self) -> Self:
        if self.latency_weight == 0 and self.usd_weight == 0:
            raise ValueError("latency_weight and usd_weight are both 0, so all plans are equal; give one a weight")
        return self


class Limits(Measured):
    """Hard bounds. A task that exceeds one ends as failed, and the failure names the limit."""

    deadline_s: float | None = Field(default=None, gt=0)
    budget_usd: float | None = Field(default=None, ge=0)


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
    """How the task is planned, and how much is speculated.

    ``alpha`` is the gate's dial: 0 speculates only where it surely pays, 1 wherever it may pay. A second of waiting is
    worth ``value_of_time_usd_per_s`` (by default an hour is worth 36 dollars). ``plan`` is the optimal plan of mode
    ``oracle``. ``learn`` false: nothing is learned from this task (a rehearsal, a measurement).
    """

    mode: Mode = Mode.FORERUN
    alpha: float = Field(default=0.5, ge=0, le=1)
    value_of_time_usd_per_s: float = Field(default=0.01, ge=0)
    interchange: Interchange = Interchange.EXACT
    time_limit_s: float = Field(default=10.0, gt=0, le=600)
    seed: int = 0
    fallback: bool = False
    learn: bool = True
    plan: Plan | None = None

    @model_validator(mode="after")
    def _oracle_has_its_plan(self) -> Self:
        if (self.mode is Mode.ORACLE) != (self.plan is not None):
            raise ValueError("mode oracle needs a plan, and only mode oracle takes one; give both or neither")
        return self


class RetryOf(Model):
    """An ended task whose finished work is kept where its work keys still hold.

    ``from_step``: this step and everything behind it is run again. An act that has happened is never run again.
    """

    task: TaskId
    from_step: StepId | None = None


_LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")]
_LabelValue = Annotated[str, StringConstraints(max_length=500)]
Labels = Annotated[dict[_LabelKey, _LabelValue], Field(max_length=32)]


class Task(Versioned):
    """One submission. ``kind`` names the class of tasks it belongs to (for learning); ``name`` is for people.

    ``labels`` are yours: stored and shown with the task, and lists can be filtered by them. No agent sees them.
    """

    name: str = Field(default="", max_length=200)
    kind: str = Field(default="", max_length=200)
    goal: str | None = Field(default=None, min_length=1)
    workflow: Workflow | None = None
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    objective: Objective = Objective()
    limits: Limits = Limits()
    planning: PlanningOptions = PlanningOptions()
    labels: Labels = Field(default_factory=dict, exclude_if=lambda labels: not labels)
    # Left out where there is none: the digests of tasks of earlier versions do not know it.
    retry_of: RetryOf | None = Field(default=None, exclude_if=lambda retry: retry is None)

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
        if (self.goal is None) == (self.workflow is None):
            raise ValueError("give either a goal (plain words) or a workflow (declared steps), and not both")
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
