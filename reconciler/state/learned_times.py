"""What is learned of the durations of a plan's steps, as the run is told with the plan."""

from pydantic import Field

from planners.model import AgentName, Model, NodeId, StepId


class LearnedTimes(Model):
    """When attempts count as late, and where else they could run.

    Attributes:
        late_s: step -> the learned 90 % quantile of its agent's seconds on its node. Missing where little is known.
        nodes: agent -> the nodes that it fits on.
    """

    late_s: dict[StepId, float] = Field(default_factory=dict)
    nodes: dict[AgentName, tuple[NodeId, ...]] = Field(default_factory=dict)
