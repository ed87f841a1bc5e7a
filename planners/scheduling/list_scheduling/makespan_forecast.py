"""A forecast of the makespan without a schedule: the longest path, or the time in which the nodes together do all work.

It assumes that steps may be split over nodes and modes, so plans take longer. The first pass of list scheduling aims at
it where plain HEFT would cost time and tell little, because it ignores what slack is worth in dollars.
"""

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.step_modes import ModeRows

# The work of a step that needs nothing of its nodes.
_NO_SHARE = 1e-9


def forecast_makespan(problem: Problem, longest_path: float) -> float:
    """Quanta; ``longest_path`` is that of the durations which the steps are expected to take."""
    return max(longest_path, sum(float(_fluid_times(problem, rows).sum()) for rows in problem.mode_table.classes))


def _fluid_times(problem: Problem, rows: ModeRows) -> NDArray[np.float64]:
    """Per step of a class, the quanta it takes if all nodes work on it, each group in its most efficient mode."""
    count = len(rows.duration)
    rates = np.zeros((count, len(problem.groups)))
    beside = np.zeros(count)
    for k, mode in enumerate(rows.modes):
        durations = rows.duration[:, k]
        rate = 1 / (durations * _share_of_group(problem, mode))
        for limit, amount, hold in mode.uses:
            rate = np.minimum(rate, problem.limits[limit].capacity / amount / (hold or durations))
        if mode.uses:
            beside = np.maximum(beside, rate)
        else:
            rates[:, mode.group] = np.maximum(rates[:, mode.group], rate)
    total: NDArray[np.float64] = rates.sum(axis=1) + beside
    times = np.zeros(count)
    times[total > 0] = 1 / total[total > 0]
    return times[rows.row]


def _share_of_group(problem: Problem, mode: ExecutionMode) -> float:
    """The largest share of the capacity of its group that a call takes."""
    group = problem.groups[mode.group]
    pairs = zip(mode.amounts, group.amounts, strict=True)
    return max([_NO_SHARE, *(amount / (len(group.nodes) * capacity) for amount, capacity in pairs if capacity)])
