"""Cheaper agents where a plan has slack: what they would save in dollars without a later end."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import Field

from planners.amounts import dollars
from planners.costs import CostModel, mean_duration_s
from planners.eligibility import Eligibility
from planners.errors import Infeasible
from planners.model import AgentName, Model, StepId
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.schedulers import ListScheduler
from planners.workflow import FlatWorkflow

# Each one that is tried costs a list schedule.
_MOST_TRIED = 30
_MOST_STEPS = 300
_CENT_FRACTION_USD = 1e-9


class CheaperAgent(Model):
    """An agent that would do a step for less, so that the plan ends no later."""

    step: StepId = Field(description="The step")
    agent: AgentName = Field(description="The agent that is planned")
    instead: AgentName = Field(description="The cheaper one")
    saves_usd: float = Field(description="Dollars saved, with those before it in the list")

    def __str__(self) -> str:
        return f"'{self.step}' has slack: '{self.instead}' instead of '{self.agent}' saves {dollars(self.saves_usd)}"


class _Swap(NamedTuple):
    saves_usd: float
    step: StepId
    agent: AgentName


def with_agents(flat: FlatWorkflow, agents: Mapping[StepId, AgentName]) -> FlatWorkflow:
    """The workflow with these agents for some of its steps."""
    steps = (step.model_copy(update={"agent": agents[step.id]}) if step.id in agents else step for step in flat.steps)
    return flat.model_copy(update={"steps": tuple(steps)})


def cheaper_agents(
    request: PlanRequest, plan: Plan, scheduler: ListScheduler, costs: CostModel
) -> tuple[CheaperAgent, ...]:
    """The swaps of agents that make a plan cheaper and no longer, together, each verified by a list schedule.

    None for large plans, or where the list scheduler cannot keep to the plan's own end.
    """
    if len(plan.steps) > _MOST_STEPS or not plan.usd:
        return ()
    flat = FlatWorkflow(steps=tuple(planned.step for planned in plan.steps), outputs=plan.outputs)
    agents = {planned.id: planned.placement.agent for planned in plan.steps}
    spent_usd, found = plan.usd, dict[StepId, CheaperAgent]()
    for swap in sorted(_swaps(request, plan, costs), key=lambda swap: (-swap.saves_usd, swap.step))[:_MOST_TRIED]:
        if swap.step in found:
            continue
        try:
            trial = scheduler(with_agents(flat, {**agents, swap.step: swap.agent}), request, costs)
        except Infeasible:
            continue
        if trial.makespan_s <= plan.makespan_s * (1 + 1e-9) and trial.usd < spent_usd - _CENT_FRACTION_USD:
            found[swap.step] = CheaperAgent(
                step=swap.step, agent=agents[swap.step], instead=swap.agent, saves_usd=spent_usd - trial.usd
            )
            agents[swap.step], spent_usd = swap.agent, trial.usd
    return tuple(found.values())


def _swaps(request: PlanRequest, plan: Plan, costs: CostModel) -> Iterator[_Swap]:
    rule = Eligibility.of_task(request.task, nodes=request.cluster.nodes)
    for planned in plan.steps:
        for agent in rule.agents(planned.step, request.catalog):
            saves_usd = planned.placement.usd - agent.price.of(mean_duration_s(costs, agent, planned.step))
            if agent.name != planned.placement.agent and saves_usd > 0:
                yield _Swap(saves_usd, planned.id, agent.name)
