"""Steps put on nodes one by one: what is placed so far, and the capacity that leaves."""

from dataclasses import dataclass
from typing import NamedTuple

from planners.scheduling.problem.feasibility import within
from planners.scheduling.problem.modes import ExecutionMode, Use
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.resource_profile import Profile


@dataclass(frozen=True, slots=True)
class Schedule:
    """A whole schedule, by step index: choice, node, start and end in quanta."""

    choice: tuple[int, ...]
    node: tuple[int, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]
    usd: float
    value: float

    @property
    def makespan(self) -> int:
        """When the last step ends."""
        return max(self.end, default=0)


class Ready(NamedTuple):
    """When a step's inputs are there: anywhere at the earliest, on a node that made none of them, on those that did.

    ``near``: by group, (node, when) of the nodes that made inputs.
    """

    earliest: int
    elsewhere: int
    near: dict[int, list[tuple[int, int]]]

    def on(self, node: int, group: int) -> int:
        """When the inputs are there on a node of this group."""
        return dict(self.near.get(group, ())).get(node, self.elsewhere)


_ANYWHERE: dict[int, list[tuple[int, int]]] = {}


class Front:
    """Per node of a group, for one demand: it fits at no time from ``since`` until ``opens``; ``least`` of these."""

    __slots__ = ("least", "opens", "since")

    def __init__(self, count: int) -> None:
        self.since = self.least = 0
        self.opens = [0] * count

    def move(self, since: int) -> None:
        """The same from another time on; forwards all that is known stays true."""
        if since < self.since:
            self.opens = [since] * len(self.opens)
            self.least = since
        self.since = since


class PartialSchedule:
    """Steps placed so far and the capacity they leave. A step may be placed once all its parents are."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        count = len(problem.steps)
        # A profile is the problem's own until something is put there.
        self.nodes: list[Profile] = [problem.groups[group].profile for group in problem.group_of]
        self.limits: list[Profile] = [limit.profile.copy() for limit in problem.limits]
        self._own = [False] * len(self.nodes)
        self._slots = problem.options.slots
        self.fronts: list[Front | None] = [None] * len(self._slots)
        self.choice = [-1] * count
        self.node = [-1] * count
        self.start = [0] * count
        self.end = [0] * count
        self._arrives = [0] * count
        self.usd = 0.0

    def ready(self, step: int) -> Ready:
        """When the inputs of a step are there, by node. Linear in its parents."""
        parents = self.problem.parents[step]
        if not parents:
            return Ready(0, 0, _ANYWHERE)
        ends, nodes, arrivals = self.end, self.node, self._arrives
        if len(parents) == 1:
            (parent,) = parents
            end, node = ends[parent], nodes[parent]
            if arrivals[parent] == end:
                return Ready(end, end, _ANYWHERE)
            return Ready(end, arrivals[parent], {self.problem.group_of[node]: [(node, end)]})
        last = first = second = 0
        at = -1
        ended: dict[int, int] = {}
        for parent in parents:
            end, node, arrives = ends[parent], nodes[parent], arrivals[parent]
            last = max(last, end)
            if end > ended.get(node, -1):
                ended[node] = end
            if arrives > first:
                if node != at:
                    second = first
                first, at = arrives, node
            elif node != at and arrives > second:
                second = arrives
        if first == last:
            return Ready(last, first, _ANYWHERE)
        near: dict[int, list[tuple[int, int]]] = {}
        for node, end in ended.items():
            foreign = first if node != at else second
            near.setdefault(self.problem.group_of[node], []).append((node, max(end, foreign)))
        return Ready(last, first, near)

    def fit(self, node: int, ready: int, choice: ExecutionMode) -> int:
        """The first start from ``ready`` on that the node and every shared limit allow."""
        profile = self.nodes[node]
        if not choice.uses:
            return profile.earliest(ready, choice.duration, choice.demand)
        start = self._within(choice.uses, ready, choice.duration)
        if not choice.demand:
            return start
        while True:
            fits = profile.earliest(start, choice.duration, choice.demand)
            if fits == start:
                return start
            start = self._within(choice.uses, fits, choice.duration)
            if fits == start:
                return start

    def allowed(self, uses: tuple[Use, ...], ready: int) -> int:
        """A time from ``ready`` on before which the shared limits surely leave no room."""
        for limit, amount, _ in uses:
            since, until = self.limits[limit].full.get(amount, (0, 0))
            if since <= ready < until:
                ready = until
        return ready

    def _within(self, uses: tuple[Use, ...], ready: int, duration: int) -> int:
        """The first start from ``ready`` on that every shared limit allows."""
        limits = self.limits
        while True:
            start = ready
            for limit, amount, hold in uses:
                start = limits[limit].earliest(start, duration if hold is None else hold, amount)
            if start == ready or len(uses) == 1:
                return start
            ready = start

    def best(self, choice: ExecutionMode, ready: Ready) -> tuple[int, int]:
        """(start, node): the earliest start on any node of the choice's group; ties go to where inputs are."""
        best_start, best_node = -1, -1
        for node, at in ready.near.get(choice.group, ()):
            if best_node < 0 or at < best_start:
                start = self.fit(node, at, choice)
                if best_node < 0 or start < best_start:
                    best_start, best_node = start, node
        foreign = ready.elsewhere
        if best_node >= 0 and best_start <= foreign:
            return best_start, best_node
        if choice.uses:
            foreign = self._within(choice.uses, foreign, choice.duration)
        if not choice.demand or not choice.duration:
            here = foreign, self.problem.groups[choice.group].nodes[0]
            return here if best_node < 0 or foreign < best_start else (best_start, best_node)
        return self._first_fit(choice, foreign, best_start, best_node)

    def _first_fit(self, choice: ExecutionMode, ready: int, best_start: int, best_node: int) -> tuple[int, int]:
        """The same over the group's nodes, none of which made an input; of equal starts the first node's."""
        demand = choice.demand
        nodes, profiles, slot = self.problem.groups[choice.group].nodes, self.nodes, self._slots[choice.group, demand]
        front = self.fronts[slot]
        if front is None:
            front = self.fronts[slot] = Front(len(nodes))
        front.move(ready)
        opens, duration, uses = front.opens, choice.duration, choice.uses
        soonest = start = max(front.least, ready)
        for only_open in (True, False):
            for k, opening in enumerate(opens):
                if opening > soonest if only_open else best_node >= 0 and opening >= best_start:
                    continue
                profile = profiles[nodes[k]]
                since = max(ready, opening)
                start = self.fit(nodes[k], since, choice) if uses else profile.earliest(since, duration, demand)
                full = profile.full.get(demand)
                if full is not None and full[0] <= since < full[1]:
                    opens[k] = full[1]
                if best_node < 0 or start < best_start:
                    best_start, best_node = start, nodes[k]
                    if start == soonest:
                        break
            if best_start == soonest:
                break
        front.least = min(opens)
        return best_start, best_node

    def put(self, step: int, index: int, node: int, start: int) -> None:
        """Place a step."""
        choice = self.problem.choices[step][index]
        end = start + choice.duration
        self.choice[step], self.node[step], self.start[step], self.end[step] = index, node, start, end
        self._arrives[step] = end + choice.lag
        self.usd += choice.usd
        self._occupy(choice, node, start, 1)

    def lift(self, step: int) -> None:
        """Take a placed step out again."""
        choice = self.problem.choices[step][self.choice[step]]
        self.usd -= choice.usd
        self._occupy(choice, self.node[step], self.start[step], -1)
        self.fronts = [None] * len(self._slots)
        self.choice[step] = -1

    def _occupy(self, choice: ExecutionMode, node: int, start: int, sign: int) -> None:
        duration = choice.duration
        if not duration:
            return
        if choice.demand:
            if not self._own[node]:
                self._own[node] = True
                self.nodes[node] = self.nodes[node].copy()
            self.nodes[node].take(start, start + duration, sign * choice.demand)
        for limit, amount, hold in choice.uses:
            self.limits[limit].take(start, start + (duration if hold is None else hold), sign * amount)

    def allows(self, choice: ExecutionMode) -> bool:
        """Whether what the choice requires of other steps is so."""
        return all(self.choice[other] in allowed for other, allowed in choice.requires)

    def keep_in_flight(self) -> None:
        """Place attempts in flight where they are, unless afresh plainly ends sooner and there are dollars to do so.

        One that a step cannot do without stays, even if others' reservations leave it no room at once.
        """
        frugal, obliged = self.problem.budget_usd is not None, self.problem.obliged
        for step, choices in enumerate(self.problem.choices):
            running = [(i, choice) for i, choice in enumerate(choices) if choice.in_flight and self.allows(choice)]
            fresh = min((choice.duration for choice in choices if not choice.in_flight), default=0)
            must = obliged.get(step)
            for index, choice in sorted(running, key=lambda item: (item[0] != must, item[1].duration, item[0])):
                node = self.problem.groups[choice.group].nodes[0]
                start = self.fit(node, 0, choice)
                if index == must or ((frugal or choice.duration <= fresh) and start == 0):
                    self.put(step, index, node, start)
                    break

    def schedule(self) -> Schedule:
        """What was placed; all steps must be."""
        problem = self.problem
        usd = sum(problem.choices[i][c].usd for i, c in enumerate(self.choice))
        value = problem.value(max(self.end, default=0), usd)
        return Schedule(tuple(self.choice), tuple(self.node), tuple(self.start), tuple(self.end), usd, value)


def affordable(problem: Problem, schedule: Schedule) -> bool:
    """Whether a schedule keeps to the budget and the deadline."""
    late = problem.deadline is not None and schedule.makespan > problem.deadline
    return within(schedule.usd, problem.budget_usd) and not late
