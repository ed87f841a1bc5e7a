"""What would shorten a plan: waits that no data needs, small steps for one call, work that could be cached."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from planners.agents import AgentKind, Catalog, Effect
from planners.graph import PlanGraph
from planners.model import AgentName, StepId
from planners.plans import Plan, PlannedStep

# Each one costs a pass over the plan.
_MOST_TRIED = 20
# A step costs about 3 ms besides its work, and a call to a remote agent more: below this, it is worth a hint.
_SMALL_S = 0.05
_MANY = 8
# The same work in less than this is not worth a place in the cache.
_LONG_S = 1.0


class NeedlessWait(NamedTuple):
    """A step that is ``after`` another one and reads nothing of it, and how much sooner the plan could end without."""

    step: StepId
    waits_for: StepId
    saved_s: float

    def __str__(self) -> str:
        return (
            f"'{self.step}' is after '{self.waits_for}' and reads nothing of it; "
            f"side by side, the plan could end {self.saved_s:.3g} s sooner"
        )


def needless_waits(plan: Plan) -> list[NeedlessWait]:
    """The waits on the critical path without which the plan could end sooner, the largest gain first."""
    figures, found = PlanGraph(plan).figures(), list[NeedlessWait]()
    for parent, child in list(pairwise(figures.critical_path))[:_MOST_TRIED]:
        if parent in plan.by_id[child].step.data_parents:
            continue
        saved_s = figures.floor_s - PlanGraph(_without(plan, parent, child)).figures().floor_s
        if saved_s > 0:
            found.append(NeedlessWait(child, parent, saved_s))
    return sorted(found, key=lambda wait: (-wait.saved_s, wait.step))


def _without(plan: Plan, parent: StepId, child: StepId) -> Plan:
    def changed(after: tuple[StepId, ...]) -> tuple[StepId, ...]:
        return tuple(step for step in after if step != parent)

    steps = [
        planned.model_copy(update={"step": planned.step.model_copy(update={"after": changed(planned.step.after)})})
        if planned.id == child
        else planned
        for planned in plan.steps
    ]
    return plan.model_copy(update={"steps": tuple(steps)})


def hints(plan: Plan, catalog: Catalog) -> tuple[str, ...]:
    """All of it, in sentences."""
    waits = map(str, needless_waits(plan))
    return (*waits, *_merges(plan, catalog), *_batches(plan, catalog), *_cacheable(plan, catalog))


def _merges(plan: Plan, catalog: Catalog) -> Iterator[str]:
    """Two small steps of one agent in a row, of which nobody else reads the first: one call could do both."""
    children = Counter(parent for planned in plan.steps for parent in planned.step.parents)
    for planned in plan.steps:
        parents = planned.step.parents
        first = plan.by_id.get(parents[0]) if len(parents) == 1 else None
        if first is None or children[first.id] > 1 or first.placement.agent != planned.placement.agent:
            continue
        both_s, agent = first.placement.duration_s + planned.placement.duration_s, planned.placement.agent
        call_usd = catalog.by_name[agent].price.usd_per_call
        if both_s < _SMALL_S or call_usd:
            price = f", and saves the {call_usd:.3g} dollars of the second" if call_usd else ""
            yield f"'{first.id}' and '{planned.id}' are calls of '{agent}' in a row; one call could do both{price}"


def _batches(plan: Plan, catalog: Catalog) -> Iterator[str]:
    """Many small steps of one agent."""
    for name, steps in _by_agent(plan).items():
        mean_s = sum(planned.placement.duration_s for planned in steps) / len(steps)
        agent = catalog.by_name[name]
        if len(steps) >= _MANY and mean_s < _SMALL_S and agent.kind is not AgentKind.BATCH and not agent.built_in:
            each = f"{len(steps)} steps of '{name}' take {1000 * mean_s:.3g} ms each"
            yield f"{each}; an agent of kind batch does many in one call, or one step can take several elements"


def _cacheable(plan: Plan, catalog: Catalog) -> Iterator[str]:
    """Pure agents that take long and declare no version, so that no later task can use their results."""
    for name, steps in _by_agent(plan).items():
        agent, longest_s = catalog.by_name[name], max(planned.placement.duration_s for planned in steps)
        if agent.effect is Effect.PURE and not agent.cacheable and not agent.built_in and longest_s >= _LONG_S:
            yield f"'{name}' is pure and declares no version; with one, its results answer the same work of later tasks"


def _by_agent(plan: Plan) -> dict[AgentName, list[PlannedStep]]:
    found = defaultdict[AgentName, list[PlannedStep]](list)
    for planned in plan.steps:
        found[planned.placement.agent].append(planned)
    return found
