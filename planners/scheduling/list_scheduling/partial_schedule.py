"""Partial schedules: the steps scheduled so far, and the capacity they leave."""

from typing import NamedTuple

import numpy as np

from planners.scheduling.list_scheduling.free_windows import FreeWindows
from planners.scheduling.list_scheduling.schedule import Schedule, ScheduleArrays
from planners.scheduling.problem.modes import ExecutionMode, LimitUse
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.resource_profile import ResourceProfile


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


_NEVER = (0, 0)
_NO_PRODUCERS: dict[int, list[tuple[int, int]]] = {}


class PartialSchedule:
    """The steps scheduled so far and the remaining capacity. A step may be placed once all its parents are."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        count = len(problem.steps)
        # Profiles belong to the problem and are copied on the first write.
        self.nodes: list[ResourceProfile] = [problem.groups[group].profile for group in problem.group_of]
        self.limits: list[ResourceProfile] = [limit.profile.copy() for limit in problem.limits]
        self._copied = [False] * len(self.nodes)
        # The same profiles by group, and when demands fit there, made when first needed.
        self._profiles = [[group.profile] * len(group.nodes) for group in problem.groups]
        self._windows: list[dict[int, FreeWindows]] = [{} for _ in problem.groups]
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
        group, demand, duration = mode.group, mode.demand, mode.duration
        if not demand or not duration:
            return self._earliest_in_limits(mode.uses, ready, duration) if mode.uses else ready
        windows, position = self.free_windows(group, demand), self.problem.positions[node]
        if not mode.uses:
            return windows.on(position, ready, duration)
        start = self._earliest_in_limits(mode.uses, ready, duration)
        while True:
            fits = windows.on(position, start, duration)
            if fits == start:
                return start
            start = self._earliest_in_limits(mode.uses, fits, duration)
            if fits == start:
                return start

    def not_before(self, mode: ExecutionMode, ready: int) -> int:
        """A time from ``ready`` on before which a mode can certainly start on no node."""
        start = ready
        if mode.demand:
            windows = self._windows[mode.group].get(mode.demand)
            if windows is not None and windows.soonest > ready >= windows.from_then and mode.duration > windows.longest:
                start = windows.soonest
        for limit, amount, _ in mode.uses:
            since, until = self.limits[limit].known_full.get(amount, _NEVER)
            if since <= start < until:
                start = until
        return start

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

    def free_windows(self, group: int, demand: int) -> FreeWindows:
        """When a demand fits on the nodes of a group."""
        known = self._windows[group]
        windows = known.get(demand)
        if windows is None:
            windows = known[demand] = FreeWindows(demand, self._profiles[group])
        return windows

    def earliest(self, mode: ExecutionMode, ready: ReadyTimes) -> tuple[int, int]:
        """(start, node): the earliest start on any node of the mode's group; ties go to nodes that produced inputs."""
        group, duration = mode.group, mode.duration
        nodes, producers = self.problem.groups[group].nodes, ready.producers.get(group, ())
        if mode.demand and duration and not mode.uses and not producers:
            start, position = self.free_windows(group, mode.demand).first(ready.elsewhere_in(group), duration)
            return start, nodes[position]
        best_start, best_node = -1, -1
        for node, at in producers:
            if best_node < 0 or at < best_start:
                start = self.earliest_on(node, at, mode)
                if best_node < 0 or start < best_start:
                    best_start, best_node = start, node
        start = ready.elsewhere_in(group)
        if best_node >= 0 and best_start <= start:
            return best_start, best_node
        if mode.uses:
            start = self._earliest_in_limits(mode.uses, start, duration)
        if not mode.demand or not duration:
            node = nodes[0]
        elif mode.uses:
            start, node = self._first_within_limits(mode, start)
        else:
            start, position = self.free_windows(group, mode.demand).first(start, duration)
            node = nodes[position]
        return (start, node) if best_node < 0 or start < best_start else (best_start, best_node)

    def _first_within_limits(self, mode: ExecutionMode, ready: int) -> tuple[int, int]:
        """(start, node): the same over all nodes of the group, where limits hold too; they allow ``ready``."""
        windows = self.free_windows(mode.group, mode.demand)
        nodes, best_start, best_node = self.problem.groups[mode.group].nodes, -1, -1
        for position, node in enumerate(nodes):
            since = windows.on(position, ready, mode.duration)
            if best_node < 0 or since < best_start:
                start = self.earliest_on(node, since, mode)
                if best_node < 0 or start < best_start:
                    best_start, best_node = start, node
                    if start == ready:
                        break
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
        if mode.uses:
            for node in nodes:
                if (start := self._start_by(node, elsewhere, mode, latest)) >= 0:
                    return start, node
            return None
        profiles, duration, demand = self.nodes, mode.duration, mode.demand
        for node in nodes:
            if (start := profiles[node].fits(elsewhere, latest, duration, demand)) >= 0:
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
        self.mode[step] = -1

    def _reserve(self, mode: ExecutionMode, node: int, start: int, sign: int) -> None:
        duration = mode.duration
        if not duration:
            return
        if mode.demand:
            group, position = mode.group, self.problem.positions[node]
            if not self._copied[node]:
                self._copied[node] = True
                self.nodes[node] = self._profiles[group][position] = self.nodes[node].copy()
            end = start + duration
            self.nodes[node].reserve(start, end, sign * mode.demand)
            for windows in self._windows[group].values():
                if sign < 0:
                    windows.released(position)
                elif end > windows.opens[position]:
                    windows.reserved(position, start, end)
        for limit, amount, hold in mode.uses:
            self.limits[limit].reserve(start, start + (duration if hold is None else hold), sign * amount)

    def schedule(self) -> Schedule:
        """The complete schedule; every step must be placed."""
        problem = self.problem
        usd = sum(problem.modes[i][index].usd for i, index in enumerate(self.mode))
        value = problem.value(max(self.end, default=0), usd)
        rows = (np.array(row, np.int64) for row in (self.mode, self.node, self.start, self.end))
        return Schedule(ScheduleArrays(*rows), usd, value)
