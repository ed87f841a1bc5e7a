"""The planners' cost model, learned from outcomes: in memory, and small enough to send to every shard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from learner.models.durations import DurationModel
from learner.online.acceptance import AcceptanceRates
from learner.online.duration_windows import ObservedDuration
from planners.agents import AgentSpec
from planners.costs import Acceptance, Estimate, PriorCosts
from planners.workflow import Step
from reconciler.state.features import step_features

_PRIOR = PriorCosts()
_MOST_ESTIMATES = 4_096


@dataclass(frozen=True, slots=True)
class LearnedCosts:
    """Durations, output sizes, and how often guesses survive and outputs are accepted, shrunk to the catalog's priors.

    Implements `planners.costs.CostModel`. A new version of an agent starts with the statistics of the former one.
    """

    observed: Mapping[str, ObservedDuration] = field(default_factory=dict)
    models: Mapping[str, DurationModel] = field(default_factory=dict)
    survivals: Mapping[str, float] = field(default_factory=dict)
    accepted: AcceptanceRates = field(default_factory=AcceptanceRates)
    _estimates: dict[tuple[str, tuple[float, ...]], Estimate] = field(default_factory=dict, compare=False, repr=False)

    def duration(self, agent: AgentSpec, step: Step) -> Estimate:
        """The estimate of the agent's model, else its observed durations shrunk to the prior, else the prior."""
        if model := self.models.get(agent.name):
            return self._estimated(agent.name, model, model.row(step_features(step)))
        prior = _PRIOR.duration(agent, step)
        seen = self.observed.get(agent.name)
        return seen.shrunk(prior) if seen else prior

    def _estimated(self, agent: str, model: DurationModel, row: tuple[float, ...]) -> Estimate:
        """The estimate of a model, made once: a plan asks several times for each step, and most steps are alike."""
        key = agent, row
        if (known := self._estimates.get(key)) is None:
            if len(self._estimates) >= _MOST_ESTIMATES:
                self._estimates.clear()
            known = self._estimates[key] = model.estimate_of(row)
        return known

    def output_bytes(self, agent: AgentSpec) -> float:
        """The mean size of recent outputs, else the prior."""
        seen = self.observed.get(agent.name)
        return seen.output_bytes if seen else _PRIOR.output_bytes(agent)

    def survival(self, agent: AgentSpec) -> float:
        """The survival rate of the agent's guesses, else the prior."""
        return self.survivals.get(agent.name, _PRIOR.survival(agent))

    def acceptance(self, agent: AgentSpec, step: Step) -> Acceptance:
        """The share of accepted outputs for inputs of the step's kind, shrunk to that of the agent and the prior."""
        return self.accepted.acceptance(agent, step)

    def mean_durations_s(self, agents: Sequence[AgentSpec], steps: Sequence[Step]) -> NDArray[np.float64]:
        """The means of `duration`: steps x agents."""
        means = np.empty((len(steps), len(agents)))
        for column, agent in enumerate(agents):
            if agent.name in self.models:
                means[:, column] = [self.duration(agent, step).mean_s for step in steps]
            elif steps:  # all steps are alike
                means[:, column] = self.duration(agent, steps[0]).mean_s
        return means

    def accepts_all(self, agents: Sequence[AgentSpec], _steps: Sequence[Step]) -> bool:
        """Whether people have judged no output of these capabilities."""
        return not any(agent.capability in self.accepted.judged for agent in agents)
