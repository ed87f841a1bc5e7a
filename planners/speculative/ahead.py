"""What follows a plan whose routes cannot be decided yet: the steps of the branches that are taken most often."""

from planners.errors import ForerunError
from planners.expansion import flatten
from planners.model import StepId
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.speculative.agent_choices import base_id
from planners.speculative.branch_choices import guessed_routes
from planners.speculative.guessed_workflow import GuessedWorkflow
from planners.speculative.plan_cache import PlanCache
from planners.workflow import FlatWorkflow, Route

_ORIGIN = "ahead"


def workflow_ahead(request: PlanRequest, plan: Plan, cache: PlanCache) -> GuessedWorkflow | None:
    """The steps of a plan and those that probably follow its pending routes; None if there are none to add.

    P(step) is the product of the shares of the branches that it, or a step it needs, is in. A route that some elements
    of a fan-out have decided already is not guessed for the others.
    """
    workflow = request.task.plannable
    if workflow is None:
        return None
    undecided = {node.id for node in plan.pending}
    pending = {node.id for node in workflow.walk() if isinstance(node, Route)} & {base_id(node) for node in undecided}
    likely = {route: found for route in pending if (found := cache.likely_branch(request.task, route)) is not None}
    if not likely:
        return None
    guessed, around = guessed_routes(workflow, {route: found.number for route, found in likely.items()})
    if any(base_id(planned.id) in around for planned in plan.steps):
        return None
    try:
        flat = flatten(guessed, request.task.values, request.known, request.facts)
    except ForerunError:  # the branch cannot be unrolled, so it is not the one that will be taken
        return None
    probability, routes = dict[StepId, float](), dict[StepId, frozenset[StepId]]()
    for step in flat.steps:
        own = around.get(base_id(step.id), frozenset())
        routes[step.id] = own.union(*(routes.get(parent, frozenset()) for parent in step.parents))
        p = 1.0
        for route in sorted(routes[step.id]):
            p *= likely[route].probability
        probability[step.id] = p
    if not any(routes.values()):
        return None
    return GuessedWorkflow(FlatWorkflow(steps=flat.steps), _ORIGIN, probability, complete=False)
