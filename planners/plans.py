"""Plans: a workflow with a placement for each step. Speculative and optimal plans have the same form."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from pydantic import FailFast, Field, model_validator

from planners.bindings import Binding
from planners.model import AgentName, Model, NodeId, StepId, Versioned, WorkKey
from planners.workflow import FanOut, Pending, Skipped, Step, unwrapped_bindings, unwrapped_nodes


class PlanKind(StrEnum):
    """Whether a plan is a guess or the optimal plan."""

    SPECULATIVE = "speculative"
    OPTIMAL = "optimal"


class Placement(Model):
    """Which agent, on which node, when. Seconds count from the moment the plan was requested.

    ``node_class`` is part of the placement because the reconciler does not know the cluster but must recognise equal
    nodes.
    """

    agent: AgentName
    node: NodeId
    node_class: str = ""
    start_s: float = Field(default=0.0, ge=0)
    duration_s: float = Field(default=0.0, ge=0)
    usd: float = Field(default=0.0, ge=0)

    @property
    def end_s(self) -> float:
        """When the step is expected to end."""
        return self.start_s + self.duration_s

    def equals_node_of(self, other: "Placement") -> bool:
        """Whether both are on the same node, or on nodes of the same class."""
        return self.node == other.node or (self.node_class != "" and self.node_class == other.node_class)


class PlannedStep(Model):
    """A step, its placement, its work key, and the probability that the optimal plan contains this work."""

    step: Step
    placement: Placement
    work_key: WorkKey
    probability: float = Field(default=1.0, ge=0, le=1)

    @property
    def id(self) -> StepId:
        """The step's id: its position in the plan."""
        return self.step.id


class Plan(Versioned):
    """Planned steps in topological order.

    ``complete`` is false for the prefix of a plan that is still streaming. ``pending``: nodes that can only be planned
    once a step's output is known. ``skipped``: nodes that are not run. ``fan_outs``: nodes with a policy
    of completion. ``bound`` and ``gap`` (relative, 0 = proven
    optimal) refer to ``objective``; None if the planner proves nothing. ``origin`` names the planner (``cp-sat``,
    ``heft``, ``retrieval``, ...).
    """

    kind: PlanKind
    steps: Annotated[tuple[PlannedStep, ...], FailFast()] = ()
    pending: Annotated[tuple[Pending, ...], FailFast()] = ()
    skipped: Annotated[tuple[Skipped, ...], FailFast()] = Field(default=(), exclude_if=lambda skipped: not skipped)
    fan_outs: Annotated[tuple[FanOut, ...], FailFast()] = Field(default=(), exclude_if=lambda fan_outs: not fan_outs)
    outputs: dict[str, Binding] = Field(default_factory=dict)
    complete: bool = True
    origin: str = ""
    planning_s: float = Field(default=0.0, ge=0)
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or "v" not in raw or not isinstance(raw.get("steps", ()), list | tuple):
            return raw
        steps = [_unwrapped_step(planned) for planned in raw.get("steps", ())]
        return raw | {"steps": steps, "outputs": unwrapped_bindings(raw.get("outputs", {}))}

    @cached_property
    def by_id(self) -> dict[StepId, PlannedStep]:
        """Step id -> planned step."""
        return {planned.id: planned for planned in self.steps}

    @cached_property
    def pending_by_id(self) -> dict[StepId, Pending]:
        """Node id -> pending node."""
        return {pending.id: pending for pending in self.pending}

    @property
    def makespan_s(self) -> float:
        """When the last step is expected to end."""
        return max((planned.placement.end_s for planned in self.steps), default=0.0)

    @property
    def usd(self) -> float:
        """Dollars of all steps."""
        return sum(planned.placement.usd for planned in self.steps)


def _unwrapped_step(raw: Any) -> Any:
    if not isinstance(raw, dict) or "step" not in raw:
        return raw
    (step,) = unwrapped_nodes([raw["step"]])
    return raw | {"step": step}
