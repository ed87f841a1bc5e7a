"""CPOP: critical-path steps go to the one node that executes them fastest, other steps to where they end first.

Source: Topcuoglu, Hariri, Wu (2002), doi:10.1109/71.993206.
"""

import numpy as np

from planners.scheduling.list_scheduling.priorities import downward_ranks, order_by_priority, upward_ranks
from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.list_scheduling.score import build_score
from planners.scheduling.list_scheduling.serial import serial_schedule
from planners.scheduling.problem.problem import Problem

_OTHER_GROUP = 1e18


def cpop(problem: Problem) -> Schedule:
    """The CPOP schedule. It keeps to the budget, but may miss the deadline."""
    means = problem.mean_durations
    ranks = zip(upward_ranks(problem, means), downward_ranks(problem, means), strict=True)
    priority = [up + down for up, down in ranks]
    critical = _critical_path(problem, priority)
    group = _fastest_group(problem, critical)
    table = problem.mode_table
    fixed = problem.objective.usd_weight * table.usd
    for step in critical if group is not None else ():
        modes = table.modes[step]
        fixed[step, : len(modes)] += np.array([0.0 if mode.group == group else _OTHER_GROUP for mode in modes])
    schedule = serial_schedule(problem, order_by_priority(problem, priority), build_score(problem, fixed))
    assert schedule is not None, "only a cutoff makes serial_schedule give up"
    return schedule


def _critical_path(problem: Problem, priority: list[float]) -> frozenset[int]:
    entries = [step for step, parents in enumerate(problem.parents) if not parents]
    if not entries:
        return frozenset()
    path = [max(entries, key=lambda step: (priority[step], -step))]
    while problem.children[path[-1]]:
        path.append(max(problem.children[path[-1]], key=lambda step: (priority[step], -step)))
    return frozenset(path)


def _fastest_group(problem: Problem, critical: frozenset[int]) -> int | None:
    """The group whose nodes execute all critical steps in the least time; None if no group can execute them all."""
    totals: dict[int, int] = {}
    for group in range(len(problem.groups)):
        best = [min((m.duration for m in problem.modes[step] if m.group == group), default=None) for step in critical]
        known = [duration for duration in best if duration is not None]
        if len(known) == len(best):
            totals[group] = sum(known)
    return min(totals, key=lambda group: (totals[group], group), default=None)
