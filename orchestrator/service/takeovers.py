"""Who would take over the steps of a plan if their checks refused the outputs of the planned agents."""

from planners.agents import AgentSpec
from planners.cluster import ClusterNode
from planners.costs import CostModel, mean_duration_s
from planners.eligibility import Eligibility
from planners.escalation import Successor, successor_of
from planners.model import StepId
from planners.plans import Placement, Plan, PlannedStep
from planners.requests import PlanRequest
from planners.tasks import Mode
from reconciler.state.learned_times import Takeover


def takeovers(costs: CostModel, request: PlanRequest, plan: Plan) -> dict[StepId, Takeover]:
    """By step with a check, what follows if all outputs of its agent are refused. Empty for tasks that never guess.

    Args:
        costs: how long agents take, and how often their outputs are accepted.
        request: with the catalog and the cluster for which the plan was made.
        plan: an optimal plan, or a prefix of one.
    """
    if request.task.planning.mode is not Mode.FORERUN:
        return {}
    found = {}
    for planned in plan.steps:
        if planned.step.check is not None and (takeover := _takeover(costs, request, planned)) is not None:
            found[planned.id] = takeover
    return found


def _takeover(costs: CostModel, request: PlanRequest, planned: PlannedStep) -> Takeover | None:
    step, first = planned.step, request.catalog.by_name.get(planned.placement.agent)
    rule = Eligibility.of_task(request.task, excluded=request.excluded(step.id), nodes=request.cluster.nodes)
    agents = rule.agents(step, request.catalog)
    if first is None or (follows := successor_of(step, first, agents, costs, request.task.objective)) is None:
        return None
    node = _node(request, planned, follows.agent)
    if node is None or follows.refused <= 0:
        return None
    return _timed(costs, request, planned, follows, node)


def _timed(
    costs: CostModel, request: PlanRequest, planned: PlannedStep, follows: Successor, node: ClusterNode
) -> Takeover:
    agent, nodes = follows.agent, request.cluster.by_id
    cold_s = 0.0 if (agent.name, node.id) in request.cluster.warm else agent.cold_start_s
    seconds = mean_duration_s(costs, agent, planned.step) / node.speed + cold_s
    here = nodes.get(planned.placement.node)
    return Takeover(
        first=planned.placement.agent,
        placement=Placement(
            agent=agent.name,
            node=node.id,
            node_class=node.node_class,
            duration_s=seconds,
            usd=agent.price.of(seconds),
        ),
        refused=follows.refused,
        given_up_s=follows.given_up_s / (here.speed if here is not None else 1.0),
    )


def _node(request: PlanRequest, planned: PlannedStep, agent: AgentSpec) -> ClusterNode | None:
    """The node of the planned agent if the other one fits there as well, else the first one that it fits on."""
    fitting = [node for node in request.cluster.nodes if agent.resources.fits(node.total)]
    return next((node for node in fitting if node.id == planned.placement.node), next(iter(fitting), None))
