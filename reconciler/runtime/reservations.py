"""What the runs of a shard have reserved over time, so that tasks plan around each other."""

from collections.abc import Collection
from heapq import nsmallest
from typing import NamedTuple

from planners.agents import AgentSpec, Catalog
from planners.cluster import Reservation
from planners.model import AgentName, NodeId, StepId, TaskId
from planners.plans import Plan, PlannedStep
from planners.resources import Resources

# A step that should have ended and has not is believed to need this share of its time still.
_OVERDUE = 0.1


class _Booking(NamedTuple):
    """What one step holds while it runs; seconds of the shard's clock."""

    node: NodeId
    resources: Resources | None
    provider: str | None
    start_s: float
    end_s: float

    def held(self, now_s: float) -> tuple[float, float]:
        """From when to when, seconds from now."""
        end_s = self.end_s - now_s
        if end_s <= 0:
            return 0.0, _OVERDUE * (self.end_s - self.start_s)
        return max(0.0, self.start_s - now_s), end_s


class Reservations:
    """Reserved intervals of nodes and providers, by task: the placements of plans of authority that have yet to end.

    Kept whole in memory and looked through at every plan, so bounded: beyond ``most_steps`` nothing more is booked, and
    a planner is told of the ``most_told`` that begin first. Each makes a guess slower: one at 20 steps on 8 nodes took
    3.9 ms with none, 5.8 with 32, 9.7 with 128.
    Steps that need neither resources nor a provider book nothing.
    """

    def __init__(self, catalog: Catalog, *, most_steps: int = 4096, most_told: int = 64) -> None:
        self._needs = {agent.name: needs for agent in catalog.agents if (needs := _needs(agent)) is not None}
        self._most_steps = most_steps
        self._most_told = most_told
        self._booked: dict[TaskId, dict[StepId, _Booking]] = {}
        self._steps = 0

    def __len__(self) -> int:
        """How many steps have something booked."""
        return self._steps

    def book(self, task: TaskId, plan: Plan, asked_s: float, done: Collection[StepId] = ()) -> None:
        """Reserve what a plan's steps need, in place of what the task had reserved.

        Args:
            task: whose plan it is.
            plan: of authority, or a prefix of it.
            asked_s: when the plan was asked for (the shard's clock): its placements count from there.
            done: steps that have ended already.
        """
        self.release(task)
        room = max(0, self._most_steps - self._steps)
        wanted = [step for step in plan.steps if step.placement.agent in self._needs and step.id not in done][:room]
        if wanted:
            self._booked[task] = {step.id: self._booking(step, asked_s) for step in wanted}
            self._steps += len(wanted)

    def finish(self, task: TaskId, step: StepId) -> None:
        """A step has ended: what it held is free."""
        booked = self._booked.get(task)
        if booked is not None and booked.pop(step, None) is not None:
            self._steps -= 1

    def release(self, task: TaskId) -> None:
        """A run is over, or is planned anew: all it held is free."""
        self._steps -= len(self._booked.pop(task, ()))

    def of_others(self, task: TaskId | None, now_s: float) -> tuple[Reservation, ...]:
        """What all runs but this one hold, relative to now; those that begin first, if there are many."""
        others = (booking for owner, booked in self._booked.items() if owner != task for booking in booked.values())
        soonest = nsmallest(self._most_told, others, key=lambda booking: (booking.start_s, booking.end_s))
        return tuple(reservation for booking in soonest for reservation in _reserved(booking, now_s))

    def _booking(self, planned: PlannedStep, asked_s: float) -> _Booking:
        placed = planned.placement
        resources, provider = self._needs[AgentName(placed.agent)]
        return _Booking(placed.node, resources, provider, asked_s + placed.start_s, asked_s + placed.end_s)


def _needs(agent: AgentSpec) -> tuple[Resources | None, str | None] | None:
    resources = agent.resources if agent.resources.amounts() else None
    return None if resources is None and agent.provider is None else (resources, agent.provider)


def _reserved(booking: _Booking, now_s: float) -> list[Reservation]:
    start_s, end_s = booking.held(now_s)
    if end_s <= 0:
        return []
    found = []
    if booking.resources is not None:
        found.append(Reservation(node=booking.node, resources=booking.resources, start_s=start_s, end_s=end_s))
    if booking.provider is not None:
        found.append(Reservation(provider=booking.provider, calls=1, start_s=start_s, end_s=end_s))
    return found
