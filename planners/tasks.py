"""What a user submits: a goal or a declared workflow, with inputs, an objective and limits."""

from enum import StrEnum
from typing import Self

from pydantic import Field, JsonValue, model_validator

from planners.model import Measured, TaskId, Versioned
from planners.plans import Plan
from planners.workflow import Workflow


class Objective(Measured):
    """What the plan minimises: latency_weight * makespan_s + usd_weight * dollars, no step below min_quality."""

    latency_weight: float = Field(default=1.0, ge=0)
    usd_weight: float = Field(default=0.0, ge=0)
    min_quality: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _wants_something(self) -> Self:
        if self.latency_weight == 0 and self.usd_weight == 0:
            raise ValueError("latency_weight and usd_weight are both 0, so every plan is as good; give one a weight")
        return self


class Limits(Measured):
    """Hard bounds. A task that passes one ends as failed and says which."""

    deadline_s: float | None = Field(default=None, gt=0)
    budget_usd: float | None = Field(default=None, ge=0)


class Mode(StrEnum):
    """When agents may start: what is measured against what.

    ``forerun`` speculates; ``streamed`` starts confirmed steps while the plan still streams; ``wait`` starts when the
    optimal plan is whole; ``plan_cache`` speculates only on a plan seen for the very same goal shape;
    ``list_schedule`` never asks the optimal planner; ``oracle`` runs a given plan at once.
    """

    FORERUN = "forerun"
    STREAMED = "streamed"
    WAIT = "wait"
    PLAN_CACHE = "plan_cache"
    LIST_SCHEDULE = "list_schedule"
    ORACLE = "oracle"


class Interchange(StrEnum):
    """Whether another agent's work may stand in for the planned one's: ``exact`` never."""

    EXACT = "exact"
    INTERCHANGEABLE = "interchangeable"


class PlanningOptions(Measured):
    """How this task is planned and how boldly it is speculated on.

    ``alpha`` is the gate's dial: 0 speculates only on what pays for sure, 1 on all that may pay; a second of waiting is
    worth ``value_of_time_usd_per_s`` (by default that of an hour for 36 dollars). ``plan`` is the plan
    of authority for mode ``oracle``. ``learn`` false: nothing is learned from this task (a rehearsal, a measurement).
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
            raise ValueError("mode oracle and a plan go together; give both or neither")
        return self


class Task(Versioned):
    """One submission. ``kind`` names the class of tasks it belongs to (for learning); ``name`` is for people."""

    name: str = Field(default="", max_length=200)
    kind: str = Field(default="", max_length=200)
    goal: str | None = Field(default=None, min_length=1)
    workflow: Workflow | None = None
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    objective: Objective = Objective()
    limits: Limits = Limits()
    planning: PlanningOptions = PlanningOptions()

    @model_validator(mode="after")
    def _has_something_to_do(self) -> Self:
        if (self.goal is None) == (self.workflow is None):
            raise ValueError("give either a goal (plain words) or a workflow (declared steps), and not both")
        return self


class AdmittedTask(Versioned):
    """A task the service has taken on: its id, and when (seconds since the epoch)."""

    id: TaskId
    task: Task
    submitted_at_s: float
    idempotency_key: str | None = None
