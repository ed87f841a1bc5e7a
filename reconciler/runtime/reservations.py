"""The resources that the runs of a shard have reserved over time, so that tasks plan around each other."""

from collections.abc import Collection
from heapq import nsmallest
from typing import NamedTuple

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterSnapshot, Reservation
from planners.model import AgentName, NodeId, StepId, TaskId
from planners.plans import Plan, PlannedStep
from planners.resources import Resources

# A step that is overdue is assumed to need this share of its expected time on top.
_OVERDUE = 0.1


class _Reserved(NamedTuple):
    """What one step holds while it runs; seconds on the shard's monotonic clock."""

    node: NodeId
    resources: Resources | None
    provider: str | None
    start_s: float
    end_s: float

    def held(self, now_s: float) -> tuple[float, float]:
        """Start and end in seconds from now."""
        end_s = self.end_s - now_s
        if end_s <= 0:
            return 0.0, _OVERDUE * (self.end_s - self.start_s)
        return max(0.0, self.start_s - now_s), end_s


class Reservations:
    """Reserved intervals of nodes and providers by task: the unfinished placements of optimal plans.

    Every plan looks through all of them, so they are bounded: beyond ``most_steps`` nothing more is reserved, and a
    planner gets the ``most_listed`` that begin first. Each slows down a speculative plan: one of 20 steps on 8 nodes
    took 3.9 ms with none, 5.8 ms with 32, 9.7 ms with 128. Steps that need neither resources nor a provider reserve
    nothing.
    """

    def __init__(self, catalog: Catalog, *, most_steps: int = 4096, most_listed: int = 64) -> None:
        self._needs: dict[AgentName, tuple[Resources | None, str | None]] = {}
        self.reload(catalog)
        self._most_steps = most_steps
        self._most_listed = most_listed
        self._reserved_by: dict[TaskId, dict[StepId, _Reserved]] = {}
        self._steps = 0

    def reload(self, catalog: Catalog) -> None:
        """Use these agents for later plans. Those that are gone stay for the runs that still need them."""
        for agent in catalog.agents:
            needs = _needs(agent)
            if needs is None:
                self._needs.pop(agent.name, None)
            else:
                self._needs[agent.name] = needs

    def __len__(self) -> int:
        """How many steps have a reservation."""
        return self._steps

    def reserve(self, task: TaskId, plan: Plan, asked_s: float, done: Collection[StepId] = ()) -> None:
        """Reserve what the steps of a plan need, in place of the task's earlier reservations.

        Args:
            task: whose plan it is.
            plan: the optimal plan, or a prefix of it.
            asked_s: when the plan was requested, on the shard's monotonic clock; its placements count from there.
            done: steps that have already ended.
        """
        self.release(task)
        room = max(0, self._most_steps - self._steps)
        wanted = [step for step in plan.steps if step.placement.agent in self._needs and step.id not in done][:room]
        if wanted:
            self._reserved_by[task] = {step.id: self._reservation_of(step, asked_s) for step in wanted}
            self._steps += len(wanted)

    def finish(self, task: TaskId, step: StepId) -> None:
        """Free what a step had reserved."""
        steps = self._reserved_by.get(task)
        if steps is not None and steps.pop(step, None) is not None:
            self._steps -= 1

    def release(self, task: TaskId) -> None:
        """Free everything a task had reserved."""
        self._steps -= len(self._reserved_by.pop(task, ()))

    def added_to(self, cluster: ClusterSnapshot, now_s: float) -> ClusterSnapshot:
        """The cluster with the reservations of all tasks."""
        held = self.of_others(None, now_s)
        return cluster.model_copy(update={"reservations": (*cluster.reservations, *held)})

    def of_others(self, task: TaskId | None, now_s: float) -> tuple[Reservation, ...]:
        """The reservations of all other tasks, relative to now; those that begin first, if there are many."""
        others = (held for owner, steps in self._reserved_by.items() if owner != task for held in steps.values())
        soonest = nsmallest(self._most_listed, others, key=lambda held: (held.start_s, held.end_s))
        return tuple(reservation for held in soonest for reservation in _reserved(held, now_s))

    def _reservation_of(self, planned: PlannedStep, asked_s: float) -> _Reserved:
        placed = planned.placement
        resources, provider = self._needs[AgentName(placed.agent)]
        return _Reserved(placed.node, resources, provider, asked_s + placed.start_s, asked_s + placed.end_s)


def _needs(agent: AgentSpec) -> tuple[Resources | None, str | None] | None:
    resources = agent.resources if agent.resources.amounts() else None
    return None if resources is None and agent.provider is None else (resources, agent.provider)


def _reserved(held: _Reserved, now_s: float) -> list[Reservation]:
    start_s, end_s = held.held(now_s)
    if end_s <= 0:
        return []
    found = []
    if held.resources is not None:
        found.append(Reservation(node=held.node, resources=held.resources, start_s=start_s, end_s=end_s))
    if held.provider is not None:
        found.append(Reservation(provider=held.provider, calls=1, start_s=start_s, end_s=end_s))
    return found
