"""Partial schedules: the steps scheduled so far, and the capacity they leave."""

from dataclasses import dataclass
from typing import NamedTuple

from planners.scheduling.problem.feasibility import within_budget
from planners.scheduling.problem.modes import ExecutionMode, LimitUse
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.resource_profile import ResourceProfile


@dataclass(frozen=True, slots=True)
class Schedule:
    """A complete schedule by step index: mode, node, start and end in quanta; cost and objective value."""

    mode: tuple[int, ...]
    node: tuple[int, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]
    usd: float
    value: float

    @property
    def makespan(self) -> int:
        """When the last step ends."""
        return max(self.end, default=0)


class ReadyTimes(NamedTuple):
    """When the inputs of a step are available: ``earliest`` on any node, ``elsewhere`` on nodes that produced none.

    ``producers`` maps a group to the (node, time) pairs of its nodes that produced inputs. ``by_group`` replaces
    ``elsewhere`` if links differ.
    """

    earliest: int
    elsewhere: int
    producers: dict[int, list[tuple[int, int]]]
    by_group: tuple[int, ...] = ()

    def elsewhere_in(self, group: int) -> int:
        """When the inputs are available on the nodes of this group that produced none."""
        return self.by_group[group] if self.by_group else self.elsewhere

    def on(self, node: int, group: int) -> int:
        """When the inputs are available on a node of this group."""
        return dict(self.producers.get(group, ())).get(node, self.elsewhere_in(group))


_NO_PRODUCERS: dict[int, list[tuple[int, int]]] = {}


class OpeningTimes:
    """Per node of a group, a time before which a demand does not fit, seen from ``since``; ``earliest`` of them."""

    __slots__ = ("earliest", "opens", "since")

    def __init__(self, count: int) -> None:
        self.since = self.earliest = 0
        self.opens = [0] * count

    def look_from(self, since: int) -> None:
        """Look from another time on. Later, all that is known stays valid; earlier, nothing does."""
        if since < self.since:
            self.opens = [since] * len(self.opens)
            self.earliest = since
        self.since = since


class PartialSchedule:
    """The steps scheduled so far and the remaining capacity. A step may be placed once all its parents are."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        count = len(problem.steps)
        # Profiles belong to the problem and are copied on the first write.
        self.nodes: list[ResourceProfile] = [problem.groups[group].profile for group in problem.group_of]
        self.limits: list[ResourceProfile] = [limit.profile.copy() for limit in problem.limits]
        self._copied = [False] * len(self.nodes)
        self._opening_ids = problem.mode_table.opening_ids
        self.openings: list[OpeningTimes | None] = [None] * len(self._opening_ids)
        self.mode = [-1] * count
        self.node = [-1] * count
        self.start = [0] * count
        self.end = [0] * count
        self._arrives = [0] * count
        self.usd = 0.0

    def ready(self, step: int) -> ReadyTimes:
        """When the inputs of a step are available, by node. Linear in its parents."""
        parents = self.problem.parents[step]
        if not parents:
            return ReadyTimes(0, 0, _NO_PRODUCERS)
        if self.problem.links_differ:
            return self._ready_over_links(parents)
        ends, nodes, arrivals = self.end, self.node, self._arrives
        if len(parents) == 1:
            (parent,) = parents
            end, node = ends[parent], nodes[parent]
            if arrivals[parent] == end:
                return ReadyTimes(end, end, _NO_PRODUCERS)
            return ReadyTimes(end, arrivals[parent], {self.problem.group_of[node]: [(node, end)]})
        # The two latest arrivals from different nodes: on the node of the latest, the second one counts.
        last_end = first = second = 0
        first_node = -1
        ended: dict[int, int] = {}
        for parent in parents:
            end, node, arrives = ends[parent], nodes[parent], arrivals[parent]
            last_end = max(last_end, end)
            if end > ended.get(node, -1):
                ended[node] = end
            if arrives > first:
                if node != first_node:
                    second = first
                first, first_node = arrives, node
            elif node != first_node and arrives > second:
                second = arrives
        if first == last_end:
            return ReadyTimes(last_end, first, _NO_PRODUCERS)
        producers: dict[int, list[tuple[int, int]]] = {}
        for node, end in ended.items():
            from_others = first if node != first_node else second
            producers.setdefault(self.problem.group_of[node], []).append((node, max(end, from_others)))
        return ReadyTimes(last_end, first, producers)

    def _ready_over_links(self, parents: tuple[int, ...]) -> ReadyTimes:
        """The same if links differ. Linear in the parents times the groups."""
        problem, groups = self.problem, range(len(self.problem.groups))
        made = [(self.node[p], self.end[p], problem.modes[p][self.mode[p]]) for p in parents]
        by_group = tuple(max(end + mode.lag_to(group) for _, end, mode in made) for group in groups)
        producers: dict[int, list[tuple[int, int]]] = {}
        for at in dict.fromkeys(node for node, _, _ in made):
            group = problem.group_of[at]
            here = max(end if node == at else end + mode.lag_to(group) for node, end, mode in made)
            producers.setdefault(group, []).append((at, here))
        return ReadyTimes(max(end for _, end, _ in made), max(by_group), producers, by_group)

    def earliest_on(self, node: int, ready: int, mode: ExecutionMode) -> int:
        """The first start from ``ready`` on that the node and every shared limit allow."""
        profile = self.nodes[node]
        if not mode.uses:
            return profile.earliest(ready, mode.duration, mode.demand)
        start = self._earliest_in_limits(mode.uses, ready, mode.duration)
        if not mode.demand:
            return start
        while True:
            fits = profile.earliest(start, mode.duration, mode.demand)
            if fits == start:
                return start
            start = self._earliest_in_limits(mode.uses, fits, mode.duration)
            if fits == start:
                return start

    def limits_closed_until(self, uses: tuple[LimitUse, ...], ready: int) -> int:
        """A time from ``ready`` on before which the shared limits certainly have no capacity."""
        for limit, amount, _ in uses:
            since, until = self.limits[limit].known_full.get(amount, (0, 0))
            if since <= ready < until:
                ready = until
        return ready

    def _earliest_in_limits(self, uses: tuple[LimitUse, ...], ready: int, duration: int) -> int:
        """The first start from ``ready`` on that every shared limit allows."""
        limits = self.limits
        while True:
            start = ready
            for limit, amount, hold in uses:
                start = limits[limit].earliest(start, duration if hold is None else hold, amount)
            if start == ready or len(uses) == 1:
                return start
            ready = start

    def earliest(self, mode: ExecutionMode, ready: ReadyTimes) -> tuple[int, int]:
        """(start, node): the earliest start on any node of the mode's group; ties go to nodes that produced inputs."""
        best_start, best_node = -1, -1
        for node, at in ready.producers.get(mode.group, ()):
            if best_node < 0 or at < best_start:
                start = self.earliest_on(node, at, mode)
                if best_node < 0 or start < best_start:
                    best_start, best_node = start, node
        elsewhere = ready.elsewhere_in(mode.group)
        if best_node >= 0 and best_start <= elsewhere:
            return best_start, best_node
        if mode.uses:
            elsewhere = self._earliest_in_limits(mode.uses, elsewhere, mode.duration)
        if not mode.demand or not mode.duration:
            first = elsewhere, self.problem.groups[mode.group].nodes[0]
            return first if best_node < 0 or elsewhere < best_start else (best_start, best_node)
        return self._first_fit(mode, elsewhere, best_start, best_node)

    def _first_fit(self, mode: ExecutionMode, ready: int, best_start: int, best_node: int) -> tuple[int, int]:
        """The same over the nodes of the group that produced no input; of equal starts, the first node's."""
        demand = mode.demand
        nodes, profiles = self.problem.groups[mode.group].nodes, self.nodes
        opening_id = self._opening_ids[mode.group, demand]
        opening = self.openings[opening_id]
        if opening is None:
            opening = self.openings[opening_id] = OpeningTimes(len(nodes))
        opening.look_from(ready)
        opens, duration, uses = opening.opens, mode.duration, mode.uses
        soonest = start = max(opening.earliest, ready)
        for only_open in (True, False):
            for k, opens_at in enumerate(opens):
                if opens_at > soonest if only_open else best_node >= 0 and opens_at >= best_start:
                    continue
                profile = profiles[nodes[k]]
                since = max(ready, opens_at)
                start = self.earliest_on(nodes[k], since, mode) if uses else profile.earliest(since, duration, demand)
                full = profile.known_full.get(demand)
                if full is not None and full[0] <= since < full[1]:
                    opens[k] = full[1]
                if best_node < 0 or start < best_start:
                    best_start, best_node = start, nodes[k]
                    if start == soonest:
                        break
            if best_start == soonest:
                break
        opening.earliest = min(opens)
        return best_start, best_node

    def fit(self, mode: ExecutionMode, ready: ReadyTimes, latest: int) -> tuple[int, int] | None:
        """(start, node): the first node of the mode's group on which it can start by ``latest``; None if there is none.

        Nodes that produced inputs come first.
        """
        for node, at in ready.producers.get(mode.group, ()):
            if at <= latest and (start := self._start_by(node, at, mode, latest)) >= 0:
                return start, node
        elsewhere = ready.elsewhere_in(mode.group)
        if mode.uses and elsewhere <= latest:
            elsewhere = self._earliest_in_limits(mode.uses, elsewhere, mode.duration)
        if elsewhere > latest:
            return None
        nodes = self.problem.groups[mode.group].nodes
        if not mode.demand or not mode.duration:
            return elsewhere, nodes[0]
        for node in nodes:
            if (start := self._start_by(node, elsewhere, mode, latest)) >= 0:
                return start, node
        return None

    def _start_by(self, node: int, ready: int, mode: ExecutionMode, latest: int) -> int:
        """The first start on a node from ``ready`` to ``latest``, or -1."""
        start = self.nodes[node].fits(ready, latest, mode.duration, mode.demand)
        if start < 0 or not mode.uses:
            return start
        start = self.earliest_on(node, start, mode)
        return start if start <= latest else -1

    def place(self, step: int, index: int, node: int, start: int) -> None:
        """Schedule a step."""
        mode = self.problem.modes[step][index]
        end = start + mode.duration
        self.mode[step], self.node[step], self.start[step], self.end[step] = index, node, start, end
        self._arrives[step] = end + mode.lag
        self.usd += mode.usd
        self._reserve(mode, node, start, 1)

    def remove(self, step: int) -> None:
        """Unschedule a step."""
        mode = self.problem.modes[step][self.mode[step]]
        self.usd -= mode.usd
        self._reserve(mode, self.node[step], self.start[step], -1)
        self.openings = [None] * len(self._opening_ids)
        self.mode[step] = -1

    def _reserve(self, mode: ExecutionMode, node: int, start: int, sign: int) -> None:
        duration = mode.duration
        if not duration:
            return
        if mode.demand:
            if not self._copied[node]:
                self._copied[node] = True
                self.nodes[node] = self.nodes[node].copy()
            self.nodes[node].reserve(start, start + duration, sign * mode.demand)
        for limit, amount, hold in mode.uses:
            self.limits[limit].reserve(start, start + (duration if hold is None else hold), sign * amount)

    def schedule(self) -> Schedule:
        """The complete schedule; every step must be placed."""
        problem = self.problem
        usd = sum(problem.modes[i][index].usd for i, index in enumerate(self.mode))
        value = problem.value(max(self.end, default=0), usd)
        return Schedule(tuple(self.mode), tuple(self.node), tuple(self.start), tuple(self.end), usd, value)


def satisfies_limits(problem: Problem, schedule: Schedule) -> bool:
    """Whether a schedule keeps to the budget and the deadline."""
    late = problem.deadline is not None and schedule.makespan > problem.deadline
    return within_budget(schedule.usd, problem.budget_usd) and not late
