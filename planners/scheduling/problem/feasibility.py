"""Reject infeasible requests: name the limit that no plan can meet, and by how much it is missed."""

from collections.abc import Sequence
from math import ceil, inf
from typing import NamedTuple, NoReturn

from planners.agents import AgentSpec
from planners.amounts import dollars
from planners.eligibility import Eligibility, refused_input
from planners.errors import Infeasible
from planners.requests import PlanRequest
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem
from planners.workflow import Step

# Relative: sums of dollars differ in their last bits, depending on the order of addition.
_TOLERANCE = 1e-9


def within_budget(usd: float, budget_usd: float | None) -> bool:
    """Whether a cost keeps to a budget; None is unlimited."""
    return usd <= most_usd(budget_usd)


def most_usd(budget_usd: float | None) -> float:
    """What may be spent of a budget, rounding errors included; None is unlimited."""
    return inf if budget_usd is None else budget_usd * (1 + _TOLERANCE) + 1e-12


def raise_unplaceable(step: Step, request: PlanRequest, agents: Sequence[AgentSpec]) -> NoReturn:
    """Reject a step that no agent can execute on any node.

    Raises:
        Infeasible: always.
    """
    field = f"workflow.steps.{step.id}"
    nodes = request.cluster.nodes
    if not nodes:
        raise Infeasible("the cluster has no nodes", field, "wait until a node joins")
    if not agents:
        _raise_no_agent(step, request, field)
    for agent in agents:
        lacking = min((agent.resources.lacking(node.total) for node in nodes), key=len)
        amounts = (
            f"{name} {need:g}: the largest node has {max(node.total.amounts().get(name, 0.0) for node in nodes):g}"
            for name, (need, _) in lacking.items()
        )
        reason = f"no node can give agent '{agent.name}' {', '.join(amounts)}"
        raise Infeasible(f"step '{step.id}': {reason}", field, "add such a node, or an agent that needs less")
    raise AssertionError("unreachable: there was an agent")


def _raise_no_agent(step: Step, request: PlanRequest, field: str) -> NoReturn:
    offered = request.catalog.offering(step.capability)
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
    need = Eligibility.of_task(request.task).floor(step)
    if best.quality >= need:
        good = [agent for agent in pinned if agent.quality >= need]
        raise Infeasible(
            f"step '{step.id}': no agent takes its inputs; {good[0].name}: {refused_input(good[0], step)}",
            f"{field}.inputs",
            "bind the inputs that an agent takes",
        )
    raise Infeasible(
        f"step '{step.id}': no agent for '{step.capability}' has quality >= {need:g}: "
        f"the best, '{best.name}', has {best.quality:g}",
        "objective.min_quality" if need == request.task.objective.min_quality else f"{field}.min_quality",
        f"lower it to {best.quality:g}, or add a better agent",
    )


def check_bounds(problem: Problem, request: PlanRequest) -> None:
    """Check budget and deadline against lower bounds on every plan.

    Raises:
        Infeasible: the cheapest agents exceed the remaining budget, or the longest path of the fastest agents or a
            shared limit exceeds the remaining time.
    """
    cheapest = sum(problem.min_usd)
    budget, spent = problem.budget_usd, request.spent_usd
    if budget is not None and not within_budget(cheapest, budget):
        whole = dollars(request.task.limits.budget_usd or 0.0)
        over = f"{dollars(cheapest - budget)} over the budget of {dollars(budget)}"
        if budget < 0:
            over = f"and {dollars(spent)} of the budget of {whole} are spent already"
        elif spent:
            over += f" left of {whole}"
        raise Infeasible(
            f"the cheapest possible plan costs {dollars(cheapest)}, {over}",
            "limits.budget_usd",
            f"raise the budget to at least {dollars(cheapest + spent, round_up=True)}",
        )
    bound = max(problem.min_tails, default=0)
    if problem.deadline is not None and bound > problem.deadline:
        raise_late(problem, request, bound, "the critical path of the fastest agents takes")
    for index, limit in enumerate(problem.limits if problem.deadline is not None else ()):
        bound = _least_end(problem, index)
        if bound > (problem.deadline or 0):
            raise_late(problem, request, bound, f"the calls held back by {limit.name} take")


def _least_end(problem: Problem, index: int) -> int:
    """A lower bound on when all steps that need a shared limit have ended.

    Each window of a rate admits as much as its capacity; a limit on concurrent calls is shared by all work.
    """
    needs = [_least_need(modes, index) for modes in problem.modes]
    users = [(need, step) for step, need in enumerate(needs) if need is not None]
    if not users:
        return 0
    capacity, hold = problem.limits[index].capacity, max(need.hold for need, _ in users)
    if not hold:
        return ceil(sum(need.work for need, _ in users) / capacity)
    windows = -(-sum(need.amount for need, _ in users) // capacity)
    return (windows - 1) * hold + min(problem.min_tails[step] for _, step in users)


class _Need(NamedTuple):
    """The least a step takes of a shared limit: amount, amount times duration, and the limit's window (0: none)."""

    amount: int
    work: int
    hold: int


def _least_need(modes: Sequence[ExecutionMode], index: int) -> _Need | None:
    """None: some mode of the step takes nothing of the limit."""
    needs = [
        _Need(use.amount, use.amount * mode.duration, use.hold or 0)
        for mode in modes
        for use in mode.uses
        if use.limit == index and mode.duration
    ]
    if len(needs) < len(modes):
        return None
    return _Need(min(need.amount for need in needs), min(need.work for need in needs), needs[0].hold)


def raise_late(problem: Problem, request: PlanRequest, ends: int, what: str) -> NoReturn:
    """Reject a plan that ends at ``ends`` quanta, after the deadline; ``what`` begins the message.

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
