"""Which agents a plan is to do without because nobody answers for them."""

from planners.agents import Catalog
from planners.cluster import Outage
from planners.eligibility import Eligibility
from planners.model import AgentName
from planners.tasks import Task
from planners.workflow import Step


def avoidable(outages: tuple[Outage, ...], task: Task, catalog: Catalog) -> list[AgentName]:
    """The agents that do not answer and whose work others can do.

    Where nobody else can do a step, its agent stays in the plan: the attempt waits until it answers again.
    """
    down = {agent.name: agent for agent in catalog.agents if any(outage.concerns(agent) for outage in outages)}
    if not down:
        return []
    rule = Eligibility.of_task(task, excluded=down.keys())
    nodes = [] if task.workflow is None else list(task.workflow.walk())
    needed = {node.capability for node in nodes if isinstance(node, Step) and not rule.agents(node, catalog)}
    if not nodes or not all(isinstance(node, Step) for node in nodes):
        offered = {agent.capability for agent in catalog.agents if agent.name not in down}
        needed |= {agent.capability for agent in down.values()} - offered
    return [name for name, agent in down.items() if agent.capability not in needed]
