"""What comes with a plan for its steps: how long they take, who may take over, and where others wait for room."""

from pydantic import Field

from planners.model import AgentName, Model, NodeId, StepId
from planners.plans import Placement
from reconciler.gate.prices import IDLE, Contention


class Takeover(Model):
    """Who does a step if its check refuses all outputs of the agent that the plan has chosen.

    Attributes:
        first: the agent that the plan has chosen.
        placement: the agent that follows, where, and how long it takes.
        refused: the probability that it is needed.
        given_up_s: how many seconds the tries of the first agent take together.
    """

    first: AgentName
    placement: Placement
    refused: float = Field(ge=0, le=1)
    given_up_s: float = Field(ge=0)


class LearnedTimes(Model):
    """When attempts count as late, where else they could run, and who takes over from agents that may be refused.

    Attributes:
        late_s: step -> the learned 90 % quantile of its agent's seconds on its node. Missing where little is known.
        nodes: agent -> the nodes that it fits on.
        takeovers: step with a check -> who would follow.
        contention: what hedges and standbys cost by delaying confirmed work of others, as of the plan.
    """

    late_s: dict[StepId, float] = Field(default_factory=dict)
    nodes: dict[AgentName, tuple[NodeId, ...]] = Field(default_factory=dict)
    takeovers: dict[StepId, Takeover] = Field(default_factory=dict, exclude_if=lambda takeovers: not takeovers)
    contention: Contention = Field(default_factory=lambda: IDLE, exclude_if=lambda contention: not contention)
