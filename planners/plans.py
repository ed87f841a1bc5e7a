"""A workflow with a placement for each step: the guess and the authority have the same form."""

from enum import StrEnum
from functools import cached_property

from pydantic import Field

from planners.bindings import Binding
from planners.model import AgentName, Model, NodeId, StepId, Versioned, WorkKey
from planners.workflow import Pending, Step


class PlanKind(StrEnum):
    """Whether a plan is a guess or the authority."""

    SPECULATIVE = "speculative"
    OPTIMAL = "optimal"


class Placement(Model):
    """Which agent, on which node, when. Seconds count from the moment the plan was asked for.

    ``node_class`` travels with the placement so that the reconciler, which knows no cluster, can tell equal nodes.
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
        """Whether both are on the same node, or on nodes of one class."""
        return self.node == other.node or (self.node_class != "" and self.node_class == other.node_class)


class PlannedStep(Model):
    """A step, its placement, its work key, and how likely the optimal plan is to hold this very work."""

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

    ``complete`` is false for the prefix of a plan that still streams. ``pending`` holds what can only be planned when
    a step's output is known. ``bound`` and ``gap`` (relative, 0 = proven optimal) speak of ``objective``; None where
    the planner proves nothing. ``origin`` names who made it (``cp-sat``, ``heft``, ``retrieval``, ...).
    """

    kind: PlanKind
    steps: tuple[PlannedStep, ...] = ()
    pending: tuple[Pending, ...] = ()
    outputs: dict[str, Binding] = Field(default_factory=dict)
    complete: bool = True
    origin: str = ""
    planning_s: float = Field(default=0.0, ge=0)
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None

    @cached_property
    def by_id(self) -> dict[StepId, PlannedStep]:
        """Step id -> planned step."""
        return {planned.id: planned for planned in self.steps}

    @property
    def makespan_s(self) -> float:
        """When the last step is expected to end."""
        return max((planned.placement.end_s for planned in self.steps), default=0.0)

    @property
    def usd(self) -> float:
        """Dollars of all steps."""
        return sum(planned.placement.usd for planned in self.steps)
