"""Whether there is an agent for every step: one that offers it, is good enough, takes its inputs and fits on a node."""

from collections.abc import Iterator
from dataclasses import dataclass

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterSnapshot
from planners.errors import InvalidTask
from planners.tasks import Task
from planners.validation.structure import locate
from planners.validation.words import nearest
from planners.workflow import Step


@dataclass(frozen=True)
class Requirements:
    """What the task asks of agents in general, and where they may run."""

    catalog: Catalog
    min_quality: float
    cluster: ClusterSnapshot | None

    def floor(self, step: Step) -> float:
        """The least quality that a step may be done with."""
        return max(self.min_quality, step.min_quality or 0.0)

    def candidates(self, step: Step) -> list[AgentSpec]:
        """The agents that may do a step, as far as its inputs and their quality say."""
        offered = self.catalog.offering(step.capability, min_quality=self.floor(step), pinned=step.agent)
        return [agent for agent in offered if accepts(agent, step) is None]


def unservable(task: Task, wishes: Requirements) -> Iterator[InvalidTask]:
    """For each step that no agent can do, why."""
    if not wishes.catalog.agents:
        yield InvalidTask("the catalog holds no agents", "", "start the service with a catalog")
    elif task.workflow is not None:
        for place in locate(task.workflow.steps):
            if isinstance(place.node, Step) and (flaw := _unservable(place.node, place.field, wishes)):
                yield flaw
    if task.planning.plan is not None:
        yield from _unknown_in_plan(task, wishes.catalog)


def accepts(agent: AgentSpec, step: Step) -> str | None:
    """None where the agent takes the step's inputs, else why not. Names only; values are the agent's to judge."""
    schema = agent.input_schema
    if schema is None:
        return None
    if missing := [name for name in schema.get("required", ()) if name not in step.inputs]:
        return f"it needs the input '{missing[0]}'"
    properties = schema.get("properties")
    # A callable takes no argument that it does not name, so silence means closed here, other than in JSON Schema.
    if properties is None or schema.get("additionalProperties", False) is not False:
        return None
    unknown = [name for name in step.inputs if name not in properties]
    return f"it has no input '{unknown[0]}' ({nearest(unknown[0], properties)})" if unknown else None


def _unservable(step: Step, field: str, wishes: Requirements) -> InvalidTask | None:
    return (
        _unknown(step, field, wishes.catalog)
        or _not_good_enough(step, field, wishes)
        or _unacceptable(step, field, wishes)
        or _does_not_fit(step, field, wishes)
    )


def _unknown(step: Step, field: str, catalog: Catalog) -> InvalidTask | None:
    if step.capability not in catalog.by_capability:
        fix = nearest(step.capability, catalog.by_capability)
        return InvalidTask(f"no agent offers '{step.capability}'", f"{field}.capability", fix)
    if step.agent is None:
        return None
    if step.agent not in catalog.by_name:
        offering = [agent.name for agent in catalog.by_capability[step.capability]]
        return InvalidTask(f"there is no agent '{step.agent}'", f"{field}.agent", nearest(step.agent, offering))
    offered = catalog.by_name[step.agent].capability
    if offered != step.capability:
        names = ", ".join(agent.name for agent in catalog.by_capability[step.capability])
        return InvalidTask(
            f"'{step.agent}' offers '{offered}', not '{step.capability}'", f"{field}.agent", f"these do: {names}"
        )
    return None


def _not_good_enough(step: Step, field: str, wishes: Requirements) -> InvalidTask | None:
    floor = wishes.floor(step)
    best = max(wishes.catalog.offering(step.capability, pinned=step.agent), key=lambda agent: agent.quality)
    if best.quality >= floor:
        return None
    whose = f"{field}.min_quality" if step.min_quality == floor else "objective.min_quality"
    return InvalidTask(
        f"quality {floor:g} is asked of '{step.id}', and the best agent for '{step.capability}', {best.name}, "
        f"has {best.quality:g}",
        whose,
        f"ask for {best.quality:g} at most",
    )


def _unacceptable(step: Step, field: str, wishes: Requirements) -> InvalidTask | None:
    offered = wishes.catalog.offering(step.capability, min_quality=wishes.floor(step), pinned=step.agent)
    reasons = {agent.name: accepts(agent, step) for agent in offered}
    if any(reason is None for reason in reasons.values()):
        return None
    name, reason = next(iter(reasons.items()))
    return InvalidTask(f"no agent takes these inputs; {name}: {reason}", f"{field}.inputs", "see GET /v1/agents")


def _does_not_fit(step: Step, field: str, wishes: Requirements) -> InvalidTask | None:
    if wishes.cluster is None or not wishes.cluster.nodes:
        return None
    totals = [node.total for node in wishes.cluster.nodes]
    lacking = []
    for agent in wishes.candidates(step):
        shortfalls = [agent.resources.lacking(total) for total in totals]
        if not all(shortfalls):
            return None
        name, (need, there) = next(iter(min(shortfalls, key=_how_far).items()))
        lacking.append(f"{agent.name} needs {name} {need:g} where a node has {there:g}")
    return InvalidTask(
        f"no node can ever run '{step.id}': {'; '.join(lacking)}",
        f"{field}.capability",
        "add a node, or an agent that needs less",
    )


def _how_far(shortfall: dict[str, tuple[float, float]]) -> tuple[int, float]:
    """How far a node is from being large enough: in how many resources, and by what share."""
    return len(shortfall), sum((need - there) / need for need, there in shortfall.values())


def _unknown_in_plan(task: Task, catalog: Catalog) -> Iterator[InvalidTask]:
    assert task.planning.plan is not None, "asked only of tasks that bring a plan"
    for planned in task.planning.plan.steps:
        name = planned.placement.agent
        if name not in catalog.by_name:
            field = f"planning.plan.steps.{planned.id}.placement.agent"
            yield InvalidTask(f"there is no agent '{name}'", field, nearest(name, catalog.by_name))
