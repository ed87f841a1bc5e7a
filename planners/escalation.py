"""Small first: what it costs on average to try an agent whose output a step may refuse, before a better one.

A step with a `check` asks its agent again if the output is refused, and another agent once its tries are used up. So a
cheap agent costs more than one call: with the probability that all its outputs are refused, also what the others cost.
These seconds and dollars are added to those of its first attempt, so that schedulers compare agents by what the step
costs until an output is accepted.

A step without a check is treated alike once people have judged outputs of its capability, except that nobody asks the
same agent again: an output that they refuse has to be made by another agent.
"""

from collections.abc import Collection, Sequence
from math import inf
from typing import NamedTuple

from planners.agents import AgentSpec
from planners.costs import CostModel, mean_duration_s
from planners.model import AgentName
from planners.tasks import Objective
from planners.workflow import Step


class Option(NamedTuple):
    """An agent for a step: seconds and dollars of an attempt, P(its output is accepted), the same after a refusal."""

    seconds: float
    usd: float
    accepted: float
    again: float
    tries: int

    @property
    def refused(self) -> float:
        """P(all its tries are refused)."""
        return (1 - self.accepted) * (1 - self.again) ** (self.tries - 1)

    @property
    def attempts(self) -> float:
        """The expected number of its attempts."""
        later = sum((1 - self.again) ** number for number in range(self.tries - 1))
        return 1 + (1 - self.accepted) * later


class Extra(NamedTuple):
    """Expected seconds and dollars beyond the first attempt."""

    seconds: float = 0.0
    usd: float = 0.0


NOTHING = Extra()


def extras(options: Sequence[Option], objective: Objective) -> list[Extra]:
    """Per option, what follows on average if it is tried first: its later attempts, then the others.

    The others are tried in ascending order of cost / P(accepted), which is optimal for trials until the first success
    (Mitten 1960).
    """
    order = sorted(range(len(options)), key=lambda index: (_rank(options[index], objective), index))
    found = []
    for index, first in enumerate(options):
        seconds, usd, reached = first.seconds * (first.attempts - 1), first.usd * (first.attempts - 1), first.refused
        for other in (options[at] for at in order if at != index):
            seconds += reached * other.attempts * other.seconds
            usd += reached * other.attempts * other.usd
            reached *= other.refused
        found.append(Extra(seconds, usd))
    return found


class Successor(NamedTuple):
    """Who takes over from an agent: with which probability, and how many seconds after that agent has begun."""

    agent: AgentSpec
    refused: float
    given_up_s: float


def successor_of(
    step: Step, first: AgentSpec, agents: Sequence[AgentSpec], costs: CostModel, objective: Objective
) -> Successor | None:
    """Who does a step with a check if all outputs of its ``first`` agent are refused; None if there is nobody.

    Seconds are those on a node of speed 1. ``agents``: those that may do the step.
    """
    others = [agent for agent in agents if agent.name != first.name]
    if step.check is None or not others:
        return None
    own = _option(step, first, costs)
    follows = min(others, key=lambda agent: _rank(_option(step, agent, costs), objective))
    return Successor(follows, own.refused, own.tries * own.seconds)


def extras_of(
    step: Step, agents: Sequence[AgentSpec], excluded: Collection[AgentName], costs: CostModel, objective: Objective
) -> list[Extra]:
    """`extras` of the agents of a step on a node of speed 1; nothing for a step whose outputs nobody refuses.

    Args:
        step: the step.
        agents: those that may do it.
        excluded: those of them that get no new attempts; nothing follows from them.
        costs: how long they take, and how often their outputs are accepted.
        objective: of the task.
    """
    usable = [agent for agent in agents if agent.name not in excluded]
    if step.check is None and all(costs.acceptance(agent, step).first >= 1 for agent in usable):
        return [NOTHING] * len(agents)
    known = extras([_option(step, agent, costs) for agent in usable], objective)
    by_name = {agent.name: extra for agent, extra in zip(usable, known, strict=True)}
    return [by_name.get(agent.name, NOTHING) for agent in agents]


def _rank(option: Option, objective: Objective) -> float:
    """The cost of an accepted output."""
    accepted = 1 - option.refused
    cost = objective.latency_weight * option.seconds + objective.usd_weight * option.usd
    return cost * option.attempts / accepted if accepted > 0 else inf


def _option(step: Step, agent: AgentSpec, costs: CostModel) -> Option:
    seconds = mean_duration_s(costs, agent, step)
    accepted = costs.acceptance(agent, step)
    tries = agent.retry.max_attempts if step.retry is None else step.retry.max_attempts
    if step.check is None:
        tries = 1
    return Option(seconds, agent.price.of(seconds), _share(accepted.first), _share(accepted.again), tries)


def _share(probability: float) -> float:
    return min(1.0, max(0.0, probability))
