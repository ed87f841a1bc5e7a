"""Eligibility: may this agent do this step? One rule for validation, both planners and the reconciler."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode
from planners.model import AgentName
from planners.tasks import Task
from planners.workflow import Step


class Obstacle(StrEnum):
    """A reason why an agent may not do a step."""

    CAPABILITY = "capability"
    PINNED = "pinned agent"
    QUALITY = "quality"
    INPUTS = "inputs"
    EXCLUDED = "excluded"
    EFFECT = "effect"
    RESOURCES = "resources"
    MAILBOX = "mailbox"


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The rule for the steps of one task.

    An agent is eligible for a step if it offers the capability, is the pinned agent (if any), reaches the quality
    floor, takes the step's inputs, can use a mailbox if the step has one, and is not excluded. ``speculative``: its
    effect must also allow it to run before the optimal plan confirms it. ``nodes``: its resources must also fit on one
    of them; None leaves this unchecked.
    """

    min_quality: float = 0.0
    excluded: Collection[AgentName] = ()
    speculative: bool = False
    nodes: Sequence[ClusterNode] | None = None

    @classmethod
    def of_task(
        cls, task: Task, *, excluded: Collection[AgentName] = (), nodes: Sequence[ClusterNode] | None = None
    ) -> "Eligibility":
        """The rule with the task's own quality floor."""
        return cls(min_quality=task.objective.min_quality, excluded=excluded, nodes=nodes)

    def floor(self, step: Step) -> float:
        """The least quality that the step's agent must have: the task's floor or the step's, whichever is higher."""
        return max(self.min_quality, step.min_quality or 0.0)

    def obstacles(self, agent: AgentSpec, step: Step) -> Iterator[Obstacle]:
        """Every reason why the agent may not do the step; none if it may."""
        if agent.capability != step.capability:
            yield Obstacle.CAPABILITY
        if step.agent not in (None, agent.name):
            yield Obstacle.PINNED
        if agent.quality < self.floor(step):
            yield Obstacle.QUALITY
        if refused_input(agent, step) is not None:
            yield Obstacle.INPUTS
        if step.mailbox is not None and not agent.has_mailbox:
            yield Obstacle.MAILBOX
        if agent.name in self.excluded:
            yield Obstacle.EXCLUDED
        if self.speculative and not agent.may_speculate:
            yield Obstacle.EFFECT
        if not self.fits(agent):
            yield Obstacle.RESOURCES

    def fits(self, agent: AgentSpec) -> bool:
        """Whether some node is large enough for the agent, or nodes are left unchecked."""
        return self.nodes is None or any(agent.resources.fits(node.total) for node in self.nodes)

    def allows(self, agent: AgentSpec, step: Step) -> bool:
        """Whether the agent may do the step."""
        return next(self.obstacles(agent, step), None) is None

    def agents(self, step: Step, catalog: Catalog) -> list[AgentSpec]:
        """The agents of the catalog that may do the step, in catalog order."""
        return [agent for agent in catalog.offering(step.capability) if self.allows(agent, step)]


@dataclass(frozen=True, slots=True)
class RefusedInput:
    """An input that the agent needs and the step lacks (``missing``), or that the agent does not take.

    ``unknown``: of a step that lacks one, an input that the agent does not take; often it is the same, misspelt.
    """

    name: str
    missing: bool
    known: Collection[str] = ()
    unknown: str | None = None

    def __str__(self) -> str:
        if not self.missing:
            return f"it has no input '{self.name}'"
        beside = "" if self.unknown is None else f", and has no input '{self.unknown}'"
        return f"it needs the input '{self.name}'{beside}"


def refused_input(agent: AgentSpec, step: Step) -> RefusedInput | None:
    """The first of the step's inputs that the agent does not accept, by name; None if it accepts all of them.

    Values are not checked: the agent validates them when it runs.
    """
    schema = agent.input_schema
    if schema is None:
        return None
    missing = next((name for name in schema.get("required", ()) if name not in step.inputs), None)
    properties: dict[str, Any] | None = schema.get("properties")
    # A callable takes no argument that it does not name, so an absent `additionalProperties` means closed here.
    closed = properties is not None and schema.get("additionalProperties", False) is False
    unknown = next((name for name in step.inputs if closed and name not in (properties or ())), None)
    if missing is not None:
        return RefusedInput(missing, missing=True, known=tuple(properties or ()), unknown=unknown)
    return None if unknown is None else RefusedInput(unknown, missing=False, known=tuple(properties or ()))
