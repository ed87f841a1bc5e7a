"""Saying no with a reason: which constraint cannot be met, and by how much."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple, NoReturn

from planners.agents import AgentSpec
from planners.errors import Infeasible
from planners.requests import PlanRequest
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem
from planners.tasks import Task
from planners.validation.offers import accepts
from planners.workflow import Step

# Relative: sums of dollars differ in their last bits by the order they were added in.
_CENTS = 1e-9


def step_quality(step: Step, task: Task) -> float:
    """The least quality a step's agent must have: the task's floor or the step's own, whichever is higher."""
    return max(task.objective.min_quality, step.min_quality or 0.0)


def within(usd: float, budget_usd: float | None) -> bool:
    """Whether dollars are inside a budget."""
    return budget_usd is None or usd <= budget_usd * (1 + _CENTS) + 1e-12


def refuse_unplaceable(step: Step, request: PlanRequest, agents: Sequence[AgentSpec]) -> NoReturn:
    """No agent can do this step anywhere.

    Raises:
        Infeasible: always.
    """
    field = f"workflow.steps.{step.id}"
    nodes = request.cluster.nodes
    if not nodes:
        raise Infeasible("the cluster has no nodes", field, "wait until a node joins")
    if not agents:
        _refuse_for_want_of_agents(step, request, field)
    for agent in agents:
        lacking = min((agent.resources.lacking(node.total) for node in nodes), key=len)
        amounts = (
            f"{name} {need:g}: the largest node has {max(node.total.amounts().get(name, 0.0) for node in nodes):g}"
            for name, (need, _) in lacking.items()
        )
        reason = f"no node can give agent '{agent.name}' {', '.join(amounts)}"
        raise Infeasible(f"step '{step.id}': {reason}", field, "add such a node, or an agent that needs less")
    raise AssertionError("unreachable: there was an agent")


def _refuse_for_want_of_agents(step: Step, request: PlanRequest, field: str) -> NoReturn:
    offered = request.catalog.by_capability.get(step.capability, ())
    if not offered:
        raise Infeasible(f"no agent offers capability '{step.capability}'", field, "add one to the catalog")
    pinned = [agent for agent in offered if step.agent in (None, agent.name)]
    if not pinned:
        names = ", ".join(agent.name for agent in offered)
        raise Infeasible(
            f"step '{step.id}' is pinned to agent '{step.agent}', which does not offer '{step.capability}'",
            f"{field}.agent",
            f"choose one of {names}",
        )
    best = max(pinned, key=lambda agent: agent.quality)
    need = step_quality(step, request.task)
    if best.quality >= need:
        good = [agent for agent in pinned if agent.quality >= need]
        raise Infeasible(
            f"step '{step.id}': no agent takes its inputs; {good[0].name}: {accepts(good[0], step)}",
            f"{field}.inputs",
            "bind the inputs that an agent takes",
        )
    raise Infeasible(
        f"step '{step.id}': no agent for '{step.capability}' has quality >= {need:g}: "
        f"the best, '{best.name}', has {best.quality:g}",
        "objective.min_quality" if need == request.task.objective.min_quality else f"{field}.min_quality",
        f"lower it to {best.quality:g}, or add a better agent",
    )


def refuse_impossible(problem: Problem, request: PlanRequest) -> None:
    """Check budget and deadline against bounds that every plan obeys.

    Raises:
        Infeasible: the cheapest agents cost more than is left, or the longest path of the fastest agents is too long.
    """
    cheapest = sum(problem.min_usd)
    budget, spent = problem.budget_usd, request.spent_usd
    if budget is not None and not within(cheapest, budget):
        left = f" left of {request.task.limits.budget_usd:g}" if spent else ""
        over = f"{cheapest - budget:.6g} over the budget of {budget:.6g} USD{left}"
        if budget < 0:
            over = f"and {spent:.6g} USD of the budget of {request.task.limits.budget_usd:g} USD are spent already"
        raise Infeasible(
            f"the cheapest possible plan costs {cheapest:.6g} USD, {over}",
            "limits.budget_usd",
            f"raise the budget to at least {cheapest + spent:.6g}",
        )
    bound = max(problem.least_tails, default=0)
    if problem.deadline is not None and bound > problem.deadline:
        refuse_late(problem, request, bound, "the critical path of the fastest agents takes")
    for index, limit in enumerate(problem.limits if problem.deadline is not None else ()):
        bound = _least_end(problem, index)
        if bound > (problem.deadline or 0):
            refuse_late(problem, request, bound, f"the calls held back by {limit.name} take")


def _least_end(problem: Problem, index: int) -> int:
    """When the steps that cannot do without a shared limit have ended, at the earliest.

    Of a rate, each of its windows of time lets in as much as its capacity; of calls at once, all work shares it.
    """
    needs = [_least_needs(of, index) for of in problem.choices]
    bound = [(need, step) for step, need in enumerate(needs) if need is not None]
    if not bound:
        return 0
    capacity, hold = problem.limits[index].capacity, max(need.hold for need, _ in bound)
    if not hold:
        return ceil(sum(need.work for need, _ in bound) / capacity)
    windows = -(-sum(need.amount for need, _ in bound) // capacity)
    return (windows - 1) * hold + min(problem.least_tails[step] for _, step in bound)


class _Need(NamedTuple):
    """What a step takes of a shared limit at least: at its start, and times its length; the limit's window, if any."""

    amount: int
    work: int
    hold: int


def _least_needs(choices: Sequence[ExecutionMode], index: int) -> _Need | None:
    """None: some choice takes nothing of the limit."""
    needs = [
        _Need(use.amount, use.amount * choice.duration, use.hold or 0)
        for choice in choices
        for use in choice.uses
        if use.limit == index and choice.duration
    ]
    if len(needs) < len(choices):
        return None
    return _Need(min(need.amount for need in needs), min(need.work for need in needs), needs[0].hold)


def refuse_late(problem: Problem, request: PlanRequest, ends: int, what: str) -> NoReturn:
    """The deadline cannot be met.

    Raises:
        Infeasible: always.
    """
    assert problem.deadline is not None
    end_s, left_s = ends * problem.quantum_s, problem.deadline * problem.quantum_s
    over = f"{end_s - left_s:.6g} s more than the {left_s:.6g} s until the deadline"
    if (past_s := request.elapsed_s - (request.task.limits.deadline_s or 0.0)) >= 0:
        over = f"and the deadline passed {past_s:.6g} s ago"
    raise Infeasible(
        f"{what} {end_s:.6g} s, {over}",
        "limits.deadline_s",
        f"set the deadline to at least {end_s + request.elapsed_s:.6g}",
    )
