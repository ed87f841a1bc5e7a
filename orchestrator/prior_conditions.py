"""The inputs of the gate that need no learner: the operator's bounds, prices, and when a plan is expected."""

from orchestrator.settings import GateSettings
from planners.requests import PlanRequest
from reconciler.gate import Contention, GatePolicy, Prices
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
        policy=_policy(gate),
        prices=_prices(request, share),
        prior_plan_s=request.elapsed_s + (PRIOR_GOAL_PLAN_S if goal else PRIOR_DECLARED_PLAN_S),
    )


def contention(request: PlanRequest, gate: GateSettings, share: float = 1.0) -> Contention:
    """What hedges and standbys cost by delaying confirmed work of others, priced as the gate prices guesses."""
    return Contention(prices=_prices(request, share), usd_per_s=_policy(gate).node_usd_per_s)


def _policy(gate: GateSettings) -> GatePolicy:
    return GatePolicy(max_attempts=gate.max_unconfirmed, max_usd=gate.budget_usd)


def _prices(request: PlanRequest, share: float) -> Prices:
    return Prices.of(request.cluster, request.catalog, horizon_s=_HORIZON_S, share=share)
