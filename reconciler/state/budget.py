"""The task's budget, looked at before each step starts, so that no fan-out walks through it."""

from planners.agents import AgentKind, AgentSpec
from planners.amounts import dollars
from planners.plans import PlannedStep
from reconciler.state.run_data import RunData
from reconciler.state.task_limits import Excess, TaskLimit

# Dollars are added up as attempts change, so a sum may be off in its last digit.
_ROUNDING_USD = 1e-9
_USE_TOKENS = frozenset({AgentKind.LLM, AgentKind.PYDANTIC_AI})


def over_budget(run: RunData, planned: PlannedStep) -> Excess | None:
    """The budget that the step would exceed, if any."""
    agent = run.catalog.by_name[planned.placement.agent]
    return _too_many_dollars(run, planned, agent) or _too_many_tokens(run, planned, agent)


def _too_many_dollars(run: RunData, planned: PlannedStep, agent: AgentSpec) -> Excess | None:
    budget_usd = run.task.limits.budget_usd
    if budget_usd is None:
        return None
    price_usd = agent.price.of(planned.placement.duration_s)
    committed_usd = run.spent_usd + max(0.0, run.attempts.spending.reserved_usd)
    if not price_usd or committed_usd + price_usd <= budget_usd + _ROUNDING_USD:
        return None
    message = (
        f"step '{planned.id}' would cost {dollars(price_usd)}, and {dollars(committed_usd)} "
        f"of the budget of {dollars(budget_usd)} are spent or reserved"
    )
    return Excess(TaskLimit.BUDGET_USD, message)


def _too_many_tokens(run: RunData, planned: PlannedStep, agent: AgentSpec) -> Excess | None:
    """Agents that declare how many tokens a call uses must fit; others that use tokens start while some are left."""
    budget, expected = run.task.limits.budget_tokens, agent.tokens_per_call
    if budget is None or not (expected or agent.kind in _USE_TOKENS):
        return None
    spending = run.attempts.spending
    committed = spending.confirmed_tokens + spending.reserved_tokens
    if committed + max(1.0, expected) <= budget:
        return None
    would = f"would use {expected:g} tokens" if expected else "uses tokens"
    message = f"step '{planned.id}' {would}, and {committed:g} of the budget of {budget:g} are spent or reserved"
    return Excess(TaskLimit.BUDGET_TOKENS, message)
