"""Plans: a workflow with a placement for each step. Speculative and optimal plans have the same form."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from pydantic import FailFast, Field, model_validator

from planners.bindings import Binding
from planners.built_in_names import CALLBACK
from planners.decompositions import Decomposition
from planners.model import AgentName, Model, NodeId, StepId, Versioned, WorkKey
from planners.workflow import FanOut, LoopTurn, Pending, Skipped, Step, unwrapped_bindings, unwrapped_nodes


class PlanKind(StrEnum):
    """Whether a plan is a guess or the optimal plan."""

    SPECULATIVE = "speculative"
    OPTIMAL = "optimal"


class Placement(Model):
    """Which agent, on which node, when. Seconds count from the moment the plan was requested.

    ``node_class`` is part of the placement because the reconciler does not know the cluster but must recognise equal
    nodes.
    """

    agent: AgentName = Field(description="The agent")
    node: NodeId = Field(description="The node")
    node_class: str = Field(default="", description="The class of the node: nodes of the same class are equal")
    start_s: float = Field(default=0.0, ge=0, description="Planned start, in seconds from the request of the plan")
    duration_s: float = Field(default=0.0, ge=0, description="Expected seconds")
    usd: float = Field(default=0.0, ge=0, description="Expected dollars")

    @property
    def end_s(self) -> float:
        """When the step is expected to end."""
        return self.start_s + self.duration_s

    def equals_node_of(self, other: "Placement") -> bool:
        """Whether both are on the same node, or on nodes of the same class."""
        return self.node == other.node or (self.node_class != "" and self.node_class == other.node_class)


class PlannedStep(Model):
    """A step, its placement, its work key, and the probability that the optimal plan contains this work."""

    step: Step = Field(description="The step, with its inputs bound")
    placement: Placement = Field(description="Agent, node and time")
    work_key: WorkKey = Field(description="Hash of the work: equal for the same work in any plan")
    probability: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="The probability that the optimal plan contains this work; 1 in the optimal plan",
    )

    @property
    def id(self) -> StepId:
        """The step's id: its position in the plan."""
        return self.step.id


class Plan(Versioned):
    """A workflow with a placement for each step, whole or as far as it has arrived."""

    kind: PlanKind = Field(description="Guess or optimal plan")
    steps: Annotated[tuple[PlannedStep, ...], FailFast()] = Field(default=(), description="Steps in topological order")
    pending: Annotated[tuple[Pending, ...], FailFast()] = Field(
        default=(), description="Nodes that can be planned once an output is known"
    )
    skipped: Annotated[tuple[Skipped, ...], FailFast()] = Field(
        default=(), exclude_if=lambda skipped: not skipped, description="Nodes that are not run"
    )
    fan_outs: Annotated[tuple[FanOut, ...], FailFast()] = Field(
        default=(), exclude_if=lambda fan_outs: not fan_outs, description="Fan-outs with a completion policy"
    )
    loops: Annotated[tuple[LoopTurn, ...], FailFast()] = Field(
        default=(),
        exclude_if=lambda turns: not turns,
        description="Turns of loops that the next plan need not hold once they have finished",
    )
    left: dict[StepId, tuple[StepId, ...]] = Field(
        default_factory=dict,
        exclude_if=lambda left: not left,
        description="Steps of elements that a complete fan-out has neither kept nor dropped",
    )
    outputs: dict[str, Binding] = Field(default_factory=dict, description="The outputs of the task by name")
    decompositions: tuple[Decomposition, ...] = Field(
        default=(),
        exclude_if=lambda decompositions: not decompositions,
        description="The steps of the goals that were decomposed for this plan",
    )
    complete: bool = Field(default=True, description="False for the beginning of a plan that is still streaming")
    origin: str = Field(default="", description="The planner: `cp-sat`, `heft`, `retrieval`, ...")
    planning_s: float = Field(default=0.0, ge=0, description="Seconds of planning")
    objective: float | None = Field(
        default=None, description="The value of the task's objective; null if the planner has none"
    )
    bound: float | None = Field(
        default=None, description="A lower bound of the objective; null if the planner proves nothing"
    )
    gap: float | None = Field(default=None, description="Relative distance of objective and bound; 0: proven optimal")

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or "v" not in raw or not isinstance(raw.get("steps", ()), list | tuple):
            return raw
        steps = [_unwrapped_step(planned) for planned in raw.get("steps", ())]
        kept = {name: value for name, value in raw.items() if name != "blocks"}  # which earlier versions stored
        return kept | {"steps": steps, "outputs": unwrapped_bindings(raw.get("outputs", {}))}

    @cached_property
    def by_id(self) -> dict[StepId, PlannedStep]:
        """Step id -> planned step."""
        return {planned.id: planned for planned in self.steps}

    @cached_property
    def pending_by_id(self) -> dict[StepId, Pending]:
        """Node id -> pending node."""
        return {pending.id: pending for pending in self.pending}

    @cached_property
    def callbacks_after(self) -> dict[StepId, tuple[StepId, ...]]:
        """Step id -> the callbacks that begin to wait behind it."""
        found: dict[StepId, tuple[StepId, ...]] = {}
        for planned in self.steps:
            if planned.step.capability == CALLBACK:
                for parent in planned.step.parents:
                    found[parent] = (*found.get(parent, ()), planned.id)
        return found

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
