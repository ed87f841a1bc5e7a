"""CPOP: the steps of the critical path go to the one node that runs them fastest, the others where they end first.

Source: Topcuoglu, Hariri, Wu (2002), doi:10.1109/71.993206.
"""

import numpy as np

from planners.scheduling.list_scheduling.partial_schedule import Schedule
from planners.scheduling.list_scheduling.priorities import by_priority, downward, upward
from planners.scheduling.list_scheduling.score import scored
from planners.scheduling.list_scheduling.serial import serial
from planners.scheduling.problem.problem import Problem

_ELSEWHERE = 1e18


def cpop(problem: Problem) -> Schedule:
    """The CPOP schedule. Keeps to the budget; a deadline it only hopes to meet."""
    means = problem.mean_durations
    priority = [up + down for up, down in zip(upward(problem, means), downward(problem, means), strict=True)]
    critical = _critical_path(problem, priority)
    group = _fastest_group(problem, critical)
    options = problem.options
    fixed = problem.objective.usd_weight * options.usd
    for step in critical if group is not None else ():
        of = options.choices[step]
        fixed[step, : len(of)] += np.array([0.0 if choice.group == group else _ELSEWHERE for choice in of])
    found = serial(problem, by_priority(problem, priority), scored(problem, fixed))
    assert found is not None, "nothing was asked that could make it give up"
    return found


def _critical_path(problem: Problem, priority: list[float]) -> frozenset[int]:
    entries = [step for step, parents in enumerate(problem.parents) if not parents]
    if not entries:
        return frozenset()
    path = [max(entries, key=lambda step: (priority[step], -step))]
    while problem.children[path[-1]]:
        path.append(max(problem.children[path[-1]], key=lambda step: (priority[step], -step)))
    return frozenset(path)


def _fastest_group(problem: Problem, critical: frozenset[int]) -> int | None:
    """The group whose nodes run all critical steps in the least time; None: no group can run them all."""
    totals: dict[int, int] = {}
    for group in range(len(problem.groups)):
        best = [min((c.duration for c in problem.choices[step] if c.group == group), default=None) for step in critical]
        known = [duration for duration in best if duration is not None]
        if len(known) == len(best):
            totals[group] = sum(known)
    return min(totals, key=lambda group: (totals[group], group), default=None)
