"""The inputs of the gate that need no learner: the operator's bounds, prices, and when a plan is expected."""

from orchestrator.settings import GateSettings
from planners.requests import PlanRequest
from reconciler.gate import GatePolicy, Prices
from reconciler.state.conditions import Conditions

# Expected planning time before anything is learned: an LLM takes seconds, a solver a fraction of a second.
PRIOR_GOAL_PLAN_S = 5.0
PRIOR_DECLARED_PLAN_S = 0.2
# Reservations up to this far ahead raise the price of a node or a provider.
_HORIZON_S = 10.0


def prior_conditions(request: PlanRequest, gate: GateSettings, share: float = 1.0) -> Conditions:
    """The conditions of a guess while nothing is learned. ``share``: this executor's part of every limit."""
    goal = request.task.goal is not None
    return Conditions(
        policy=GatePolicy(max_attempts=gate.max_unconfirmed, max_usd=gate.budget_usd),
        prices=Prices.of(request.cluster, request.catalog, horizon_s=_HORIZON_S, share=share),
        prior_plan_s=request.elapsed_s + (PRIOR_GOAL_PLAN_S if goal else PRIOR_DECLARED_PLAN_S),
    )
