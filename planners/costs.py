"""Cost models: expected duration, output size and survival of attempts. The protocol, and the declared priors."""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from planners.agents import AgentSpec
from planners.bindings import Value
from planners.workflow import Step


class Estimate(NamedTuple):
    """Seconds of one attempt: the mean, and the 50 % and 90 % quantiles."""

    mean_s: float
    p50_s: float
    p90_s: float


class Acceptance(NamedTuple):
    """P(an output passes the check of its step and suits people), at first and when the output before was refused."""

    first: float
    again: float


CERTAIN = Acceptance(1.0, 1.0)

# For fewer steps, arrays cost more time than they save.
_FEW = 8


class CostModel(Protocol):
    """What planners ask about agents. Implementations must be fast: one plan asks thousands of times."""

    def duration(self, agent: AgentSpec, step: Step) -> Estimate:
        """Seconds one attempt of ``step`` by ``agent`` takes on a node of speed 1."""
        ...

    def output_bytes(self, agent: AgentSpec) -> float:
        """Expected size of the agent's output."""
        ...

    def survival(self, agent: AgentSpec) -> float:
        """Share of this agent's speculative attempts that were committed or salvaged, 0..1."""
        ...

    def acceptance(self, agent: AgentSpec, step: Step) -> Acceptance:
        """The probability that an output of ``agent`` for ``step`` is accepted; 1 if nobody looks at it."""
        ...


@runtime_checkable
class BulkCosts(Protocol):
    """A cost model that answers for many steps at once, in less time than one step after the other."""

    def mean_durations_s(self, agents: Sequence[AgentSpec], steps: Sequence[Step]) -> NDArray[np.float64]:
        """Steps x agents: the mean seconds on a node of speed 1, as `CostModel.duration` answers."""
        ...

    def accepts_all(self, agents: Sequence[AgentSpec], steps: Sequence[Step]) -> bool:
        """Whether all outputs of these agents are certain to be accepted; no step has a check."""
        ...


def mean_durations_s(costs: CostModel, agents: Sequence[AgentSpec], steps: Sequence[Step]) -> NDArray[np.float64]:
    """Steps x agents: `mean_duration_s` of each."""
    if len(steps) < _FEW or not isinstance(costs, BulkCosts) or any(agent.built_in for agent in agents):
        return np.array([[mean_duration_s(costs, agent, step) for agent in agents] for step in steps])
    means = costs.mean_durations_s(agents, steps)
    usable = (means >= 0) & (means < inf)
    return means if usable.all() else np.where(usable, means, [agent.expected_s for agent in agents])


def accepts_all(costs: CostModel, agents: Sequence[AgentSpec], steps: Sequence[Step]) -> bool:
    """Whether all outputs of these agents are certain to be accepted."""
    if any(step.check is not None for step in steps):
        return False
    if len(steps) >= _FEW and isinstance(costs, BulkCosts):
        return costs.accepts_all(agents, steps)
    return all(costs.acceptance(agent, step).first >= 1 for step in steps for agent in agents)


def mean_duration_s(costs: CostModel, agent: AgentSpec, step: Step) -> float:
    """The expected seconds on a node of speed 1; the declared prior if the model's answer is not finite or negative."""
    if agent.built_in:
        return _waited_s(agent, step)
    mean_s = costs.duration(agent, step).mean_s
    return mean_s if 0 <= mean_s < inf else agent.expected_s


def output_bytes(costs: CostModel, agent: AgentSpec) -> float:
    """The expected size of the output; the declared prior if the model's answer is not finite or negative."""
    size = costs.output_bytes(agent)
    return size if 0 <= size < inf else float(agent.output_bytes)


def _waited_s(agent: AgentSpec, step: Step) -> float:
    """The seconds that a step waits, where it says so."""
    seconds = step.inputs.get("seconds")
    known = seconds.value if isinstance(seconds, Value) else None
    return float(known) if isinstance(known, int | float) and 0 <= known < inf else agent.expected_s


class PriorCosts:
    """The priors that the catalog declares. The 90 % quantile is twice the mean until there are outcomes."""

    def duration(self, agent: AgentSpec, step: Step) -> Estimate:
        """The declared ``expected_s``."""
        return Estimate(agent.expected_s, agent.expected_s, 2 * agent.expected_s)

    def output_bytes(self, agent: AgentSpec) -> float:
        """The declared ``output_bytes``."""
        return float(agent.output_bytes)

    def survival(self, agent: AgentSpec) -> float:
        """A fixed prior, high enough that speculation starts without any outcome."""
        return 0.7

    def acceptance(self, agent: AgentSpec, step: Step) -> Acceptance:
        """The declared quality, and half of it when the output before was refused; 1 without a check."""
        return CERTAIN if step.check is None else Acceptance(agent.quality, agent.quality / 2)
