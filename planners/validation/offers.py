"""Offers: whether some agent can do each step, and whether a node can hold that agent."""

from collections.abc import Iterator, Sequence

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterSnapshot
from planners.compensation import undo_step
from planners.eligibility import Eligibility, Obstacle, RefusedInput, refused_input
from planners.errors import InvalidTask
from planners.plans import PlannedStep
from planners.resources import CONTAINERS
from planners.tasks import Task
from planners.validation.structure import Located, locate
from planners.validation.suggestions import nearest, shown
from planners.workflow import Step

_MOST_SHOWN = 5


class Requirements:
    """What the task requires of agents, and where they may run. Answers are kept: many steps ask the same."""

    def __init__(self, catalog: Catalog, min_quality: float, cluster: ClusterSnapshot | None) -> None:
        self.catalog = catalog
        self.cluster = cluster
        self.rule = Eligibility(min_quality=min_quality)
        self._on_nodes = Eligibility(nodes=cluster.nodes) if cluster is not None and cluster.nodes else Eligibility()
        self._selective = {agent.capability for agent in catalog.agents if agent.input_schema is not None}
        self._candidates: dict[tuple[object, ...], list[AgentSpec]] = {}
        self._hosted: dict[str, bool] = {}

    def candidates(self, step: Step) -> list[AgentSpec]:
        """The agents that may do a step, resources aside: the same list for steps that ask the same."""
        names = tuple(step.inputs) if step.capability in self._selective else ()
        key = (step.capability, step.agent, step.min_quality, names, step.mailbox is None)
        found = self._candidates.get(key)
        if found is None:
            found = self._candidates[key] = self.rule.agents(step, self.catalog)
        return found

    def served(self, step: Step) -> bool:
        """Whether some agent may do a step, and a node is large enough for it."""
        return any(map(self.hosted, self.candidates(step)))

    def hosted(self, agent: AgentSpec) -> bool:
        """Whether a node of the cluster is large enough for the agent; True if no node is known."""
        if agent.name not in self._hosted:
            self._hosted[agent.name] = self._on_nodes.fits(agent)
        return self._hosted[agent.name]


def unservable(task: Task, requirements: Requirements) -> Iterator[InvalidTask]:
    """For each step that no agent can do, the reason."""
    if not requirements.catalog.agents:
        yield InvalidTask("the catalog has no agents", "", "start the service with a catalog")
    elif task.workflow is not None:
        steps = (node for node in task.workflow.walk() if isinstance(node, Step))
        if not all(_is_servable(step, requirements) for step in steps):
            for place in locate(task.workflow.steps):
                if isinstance(place.node, Step):
                    yield from _unservable_step(place.node, place, requirements)
    if task.planning.plan is not None:
        for planned in task.planning.plan.steps:
            yield from _unservable_in_plan(planned, requirements)


def _is_servable(step: Step, requirements: Requirements) -> bool:
    """Whether some agent can do the step, and what undoes it."""
    return requirements.served(step) and (step.compensate is None or requirements.served(undo_step(step)))


def _unservable_step(step: Step, place: Located, requirements: Requirements) -> Iterator[InvalidTask]:
    if not requirements.served(step):
        yield _reason(step, place.field, requirements)
    if step.compensate is not None and not requirements.served(undo := undo_step(step)):
        yield _reason(undo, f"{place.field}.compensate", requirements)


def _reason(step: Step, field: str, requirements: Requirements) -> InvalidTask:
    return (
        _unknown(step, field, requirements.catalog)
        or _not_good_enough(step, field, requirements)
        or _without_mailbox(step, field, requirements)
        or _unacceptable(step, field, requirements)
        or _does_not_fit(step, field, requirements)
    )


def _unknown(step: Step, field: str, catalog: Catalog) -> InvalidTask | None:
    if step.capability not in catalog.by_capability:
        fix = nearest(step.capability, catalog.by_capability.keys())
        if any(definition.name == step.capability for definition in catalog.workflows):
            fix = f"it is a workflow: write use: {step.capability} in place of capability"
        return InvalidTask(f"no agent offers '{shown(step.capability)}'", f"{field}.capability", fix)
    if step.agent is None:
        return None
    offering = [agent.name for agent in catalog.by_capability[step.capability]]
    if step.agent not in catalog.by_name:
        return InvalidTask(f"there is no agent '{shown(step.agent)}'", f"{field}.agent", nearest(step.agent, offering))
    offered = catalog.by_name[step.agent].capability
    if offered == step.capability:
        return None
    message = f"'{step.agent}' offers '{offered}', not '{step.capability}'"
    return InvalidTask(message, f"{field}.agent", f"choose one of {', '.join(offering[:_MOST_SHOWN])}")


def _pinned(step: Step, catalog: Catalog) -> Sequence[AgentSpec]:
    return [agent for agent in catalog.by_capability[step.capability] if step.agent in (None, agent.name)]


def _not_good_enough(step: Step, field: str, requirements: Requirements) -> InvalidTask | None:
    floor = requirements.rule.floor(step)
    best = max(_pinned(step, requirements.catalog), key=lambda agent: agent.quality)
    if best.quality >= floor:
        return None
    return InvalidTask(
        f"'{step.id}' asks for quality {floor:g}, and the best agent for '{step.capability}', {best.name}, "
        f"has {best.quality:g}",
        f"{field}.min_quality" if step.min_quality == floor else "objective.min_quality",
        f"ask for {best.quality:g} at most",
    )


def _without_mailbox(step: Step, field: str, requirements: Requirements) -> InvalidTask | None:
    if step.mailbox is None or any(agent.has_mailbox for agent in _pinned(step, requirements.catalog)):
        return None
    message = f"no agent of '{step.capability}' can use a mailbox"
    fix = "offer an async def without resources of its own that is neither irreversible nor disclosing"
    return InvalidTask(message, f"{field}.mailbox", fix)


def _unacceptable(step: Step, field: str, requirements: Requirements) -> InvalidTask | None:
    floor = requirements.rule.floor(step)
    refusals = [
        (agent.name, refused_input(agent, step))
        for agent in _pinned(step, requirements.catalog)
        if agent.quality >= floor
    ]
    if any(refusal is None for _, refusal in refusals):
        return None
    name, refusal = refusals[0]
    assert refusal is not None
    message = f"no agent takes these inputs; {name}: {_worded(refusal)}"
    return InvalidTask(message, f"{field}.inputs", "see `forerun agents` (GET /v1/agents)")


def _worded(refusal: RefusedInput) -> str:
    wrong = refusal.unknown if refusal.missing else refusal.name
    return str(refusal) if wrong is None else f"{refusal} ({nearest(wrong, refusal.known)})"


def _does_not_fit(step: Step, field: str, requirements: Requirements) -> InvalidTask:
    assert requirements.cluster is not None, "agents fit everywhere while no cluster is known"
    totals = [node.total for node in requirements.cluster.nodes]
    lacking, uncontained = [], False
    for agent in requirements.candidates(step)[:_MOST_SHOWN]:
        shortfalls = [agent.resources.lacking(total) for total in totals]
        name, (need, there) = next(iter(min(shortfalls, key=_distance).items()))
        lacking.append(f"{agent.name} needs {name} {need:g} where a node has {there:g}")
        uncontained |= name == CONTAINERS
    fix = "install podman on a node" if uncontained else "add a larger node"
    return InvalidTask(
        f"no node can run '{step.id}': {'; '.join(lacking)}",
        f"{field}.capability",
        f"{fix}, or an agent that needs less",
    )


def _distance(shortfall: dict[str, tuple[float, float]]) -> tuple[int, float]:
    """How far a node is from being large enough: in how many resources, and by what share."""
    return len(shortfall), sum((need - there) / need for need, there in shortfall.values())


def _unservable_in_plan(planned: PlannedStep, requirements: Requirements) -> Iterator[InvalidTask]:
    field = f"planning.plan.steps.{planned.id}"
    name, catalog = planned.placement.agent, requirements.catalog
    agent = catalog.by_name.get(name)
    if agent is None:
        message = f"there is no agent '{shown(name)}'"
        yield InvalidTask(message, f"{field}.placement.agent", nearest(name, catalog.by_name.keys()))
        return
    obstacle = next(requirements.rule.obstacles(agent, planned.step), None)
    if obstacle is Obstacle.INPUTS:
        message = f"agent '{name}' does not take these inputs: {refused_input(agent, planned.step)}"
        yield InvalidTask(message, f"{field}.step.inputs", "see `forerun agents` (GET /v1/agents)")
    elif obstacle is not None:
        message = f"agent '{name}' may not do this step: it differs in {obstacle.value}"
        eligible = [other.name for other in requirements.candidates(planned.step)]
        yield InvalidTask(message, f"{field}.placement.agent", nearest(name, eligible))
