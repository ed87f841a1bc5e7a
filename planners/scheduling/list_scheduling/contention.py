"""How contended the cluster is while each step runs in a schedule: when it is idle, taking more of it costs nothing."""

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.problem.problem import Problem

# A cluster that is half in use is hardly contended.
_POWER = 4


def contention(schedule: Schedule, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per step, from 0 to 1: the mean over its time of a power of the share of the cluster that is in use.

    Args:
        schedule: where the steps are; it has some.
        shares: of the cluster, what each step takes.
    """
    start, end = schedule.arrays.start, schedule.arrays.end
    times, changes = np.concatenate((start, end)), np.concatenate((shares, -shares))
    order = np.argsort(times, kind="stable")
    times, used = times[order], np.clip(np.cumsum(changes[order]), 0.0, 1.0)
    area = np.concatenate(([0.0], np.cumsum(used[:-1] ** _POWER * np.diff(times))))
    of_step = np.interp(end, times, area) - np.interp(start, times, area)
    mean: NDArray[np.float64] = of_step / np.maximum(1, end - start)
    return mean


def cluster_shares(problem: Problem) -> dict[str, float]:
    """Per agent, the largest share of the cluster's capacity of any resource or limit that one call takes."""
    dimensions = zip(*(group.amounts for group in problem.groups), strict=True)
    sizes = [len(group.nodes) for group in problem.groups]
    totals = [sum(size * amount for size, amount in zip(sizes, amounts, strict=True)) for amounts in dimensions]
    shares: dict[str, float] = {}
    for mode in problem.modes.kinds():
        if mode.agent.name not in shares:
            of_totals = [a / t for a, t in zip(mode.amounts, totals, strict=True) if t]
            limits = ((use, problem.limits[use.limit]) for use in mode.uses if use.hold is None)
            of_limits = [use.amount / limit.capacity for use, limit in limits if limit.of_agents]
            shares[mode.agent.name] = max([*of_totals, *of_limits], default=0.0)
    return shares
