"""When attempts of a plan's steps count as late, from learned durations."""

from learner.models.learned_costs import LearnedCosts
from planners.plans import Plan
from planners.requests import PlanRequest
from reconciler.state.learned_times import LearnedTimes

# Fewer finished attempts of an agent say little about its quantiles.
LEAST_OUTCOMES = 20


def late_times(costs: LearnedCosts, request: PlanRequest, plan: Plan) -> LearnedTimes | None:
    """The learned 90 % quantile of each step on its node; None if nothing is known of any.

    Args:
        costs: learned.
        request: with the cluster for which the plan was made.
        plan: an optimal plan, or a prefix of one.
    """
    catalog, nodes = request.catalog.by_name, request.cluster.by_id
    known = {name for name, seen in costs.observed.items() if seen.outcomes >= LEAST_OUTCOMES and name in catalog}
    late_s = {}
    for planned in plan.steps:
        agent, node = planned.placement.agent, nodes.get(planned.placement.node)
        if agent in known and node is not None:
            late_s[planned.id] = costs.duration(catalog[agent], planned.step).p90_s / node.speed
    if not late_s:
        return None
    used = sorted({planned.placement.agent for planned in plan.steps} & known)
    fits = {
        name: tuple(node.id for node in nodes.values() if catalog[name].resources.fits(node.total)) for name in used
    }
    return LearnedTimes(late_s=late_s, nodes=fits)
