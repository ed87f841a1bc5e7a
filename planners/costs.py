"""What planners believe about agents: the protocol they own, and the prior that answers before any outcome."""

from typing import NamedTuple, Protocol

from planners.agents import AgentSpec
from planners.workflow import Step


class Estimate(NamedTuple):
    """Seconds an attempt will take: expected, and the 50 % and 90 % quantiles."""

    mean_s: float
    p50_s: float
    p90_s: float


class CostModel(Protocol):
    """How long, how big, how reliable. Implementations answer from memory; they are asked thousands of times a plan."""

    def duration(self, agent: AgentSpec, step: Step) -> Estimate:
        """Seconds one attempt of ``step`` by ``agent`` takes on a node of speed 1."""
        ...

    def output_bytes(self, agent: AgentSpec) -> float:
        """Expected size of the agent's output."""
        ...

    def survival(self, agent: AgentSpec) -> float:
        """Share of this agent's speculative attempts that were committed or salvaged, 0..1."""
        ...


class PriorCosts:
    """The declared priors of the catalog. The 90 % quantile is taken as twice the mean until outcomes say better."""

    def duration(self, agent: AgentSpec, step: Step) -> Estimate:
        """The declared ``expected_s``."""
        return Estimate(agent.expected_s, agent.expected_s, 2 * agent.expected_s)

    def output_bytes(self, agent: AgentSpec) -> float:
        """The declared ``output_bytes``."""
        return float(agent.output_bytes)

    def survival(self, agent: AgentSpec) -> float:
        """An even-handed prior that lets cold speculation start."""
        return 0.7
