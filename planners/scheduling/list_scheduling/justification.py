"""Double justification: shift all steps as late as the makespan allows, then as early as possible.

The first shift shows how long each step can really wait, capacity included, so its starts are a better order for the
second one than ranks are. Source: Valls, Ballestin, Quintanilla (2005), doi:10.1016/j.ejor.2004.04.008.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.list_scheduling.compiled import compiled_passes
from planners.scheduling.list_scheduling.partial_schedule import PartialSchedule
from planners.scheduling.list_scheduling.priorities import order_by_priority
from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.list_scheduling.serial import replay
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.resource_profile import ResourceProfile


def justified(problem: Problem, schedule: Schedule) -> Schedule:
    """The schedule after both shifts, in the same modes; it may end later than before."""
    late = latest_starts(problem, schedule)
    order = order_by_priority(problem, [-start for start in late])
    same_nodes = replay(problem, order, schedule.mode, schedule.node)
    any_nodes = replay(problem, order, schedule.mode)
    return min(same_nodes, any_nodes, key=lambda one: one.value)


def latest_starts(problem: Problem, schedule: Schedule) -> list[int]:
    """Per step, the latest start that keeps the makespan, in the same mode on the same node. It may be before 0.

    This is a schedule in reversed time. Windows of rate limits extend to the other side there, so where calls have to
    wait for a rate, starts are estimates.
    """
    until = schedule.makespan
    # The last end first; of equal ones, the last step.
    order: NDArray[np.int64] = np.argsort(schedule.arrays.end, kind="stable")[::-1].astype(np.int64)
    if (compiled := compiled_passes(problem)) is not None:
        return compiled.latest_starts(order, schedule, lambda: _mirrored_profiles(problem, until))
    mirror = PartialSchedule(_mirrored(problem, until))
    nodes, group_of = schedule.node, problem.group_of
    for step in order.tolist():
        index, node = schedule.mode[step], nodes[step]
        mode, ready = problem.modes[step][index], 0
        for child in problem.children[step]:
            lag = 0 if nodes[child] == node else mode.lag_to(group_of[nodes[child]])
            ready = max(ready, mirror.end[child] + lag)
        mirror.place(step, index, node, mirror.earliest_on(node, ready, mode))
    return [until - end for end in mirror.end]


def _mirrored(problem: Problem, until: int) -> Problem:
    """The capacities of a problem in reversed time from ``until`` on."""
    groups = tuple(replace(group, profile=_reversed(group.profile, until)) for group in problem.groups)
    limits = tuple(replace(limit, profile=_reversed(limit.profile, until)) for limit in problem.limits)
    return replace(problem, groups=groups, limits=limits)


def _mirrored_profiles(problem: Problem, until: int) -> list[ResourceProfile]:
    """The same of every node and limit."""
    groups = [_reversed(group.profile, until) for group in problem.groups]
    return [*(groups[group] for group in problem.group_of), *(_reversed(one.profile, until) for one in problem.limits)]


def _reversed(profile: ResourceProfile, until: int) -> ResourceProfile:
    mirror = profile.copy()
    pieces = [(at, free) for at, free in zip(profile.times, profile.free, strict=True) if at < until]
    ends = [until - at for at, _ in pieces]
    # Before time 0 lies as much capacity as there is in the end.
    mirror.times = [0, *ends[::-1]] if pieces else [0]
    mirror.free = [*(free for _, free in pieces[::-1]), profile.free[-1]]
    mirror.known_full = {}
    return mirror
