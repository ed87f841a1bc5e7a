"""The task's budget, looked at before each step starts, so that no fan-out walks through it."""

from planners.plans import PlannedStep
from reconciler.state.conclusion import fail, with_whereabouts
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run_data import RunData

# Dollars are added up as attempts change, so a sum may be off in its last digit.
_ROUNDING_USD = 1e-9


def within_budget(run: RunData, planned: PlannedStep) -> bool:
    """Whether a step may start. If not, the task fails or goes on without the step, as its limits say."""
    limits, spending = run.task.limits, run.attempts.spending
    if limits.budget_usd is None:
        return True
    price_usd = run.catalog.by_name[planned.placement.agent].price.of(planned.placement.duration_s)
    committed_usd = run.spent_usd + max(0.0, spending.reserved_usd)
    if not price_usd or committed_usd + price_usd <= limits.budget_usd + _ROUNDING_USD:
        return True
    message = (
        f"step '{planned.id}' would cost ${price_usd:.4f}, and ${committed_usd:.4f} "
        f"of the budget of ${limits.budget_usd:.4f} are spent or reserved"
    )
    if limits.on_budget == "finish":
        run.steps.fail(planned.id, run.at_s, message)
        run.facts.give_up(planned.id, message)
        run.facts.asks = True
    else:
        fix = "raise limits.budget_usd, offer cheaper agents, or set limits.on_budget to finish"
        fail(run, with_whereabouts(run, Failure(kind=FailureKind.LIMIT, message=message, fix=fix)))
    return False
