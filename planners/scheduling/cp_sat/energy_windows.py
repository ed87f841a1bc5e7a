"""Windows of a workflow's time that hold much work: steps that start late, or that much follows, cannot use all of it.

A set of steps of which none can start before h, and each of which is followed by at least t, has to be done between h
and the makespan less t. This is the energy bound with release times and tails (Carlier, Pinson 1989,
doi:10.1287/mnsc.35.2.164) for any capacity.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.lower_bound import earliest_starts
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem

# So many release times and tails are combined.
_LEVELS = 12
# Of windows with nearly the same steps, one is enough: the share of all steps in which they have to differ.
_DIFFERENCE = 0.05


def energy_windows(problem: Problem, most: int) -> list[NDArray[np.bool_]]:
    """The sets of steps, as masks, that seem to bound the makespan best; at most ``most``.

    Empty where attempts are in flight, because these do not wait for their parents.
    """
    if problem.has_in_flight:
        return []
    heads = np.array(earliest_starts(problem))
    tails = np.array(problem.min_tails) - np.array(problem.min_durations)
    work = _least_work(problem)
    found = []
    for head, tail in product(_levels(heads), _levels(tails)):
        steps = (heads >= head) & (tails >= tail)
        if 1 < steps.sum() < len(steps):
            found.append((float(heads[steps].min() + tails[steps].min() + work[steps].sum()), head, tail))
    chosen: list[NDArray[np.bool_]] = []
    for _, head, tail in sorted(found, reverse=True):
        steps = (heads >= head) & (tails >= tail)
        if all((steps != other).sum() > _DIFFERENCE * len(steps) for other in chosen):
            chosen.append(steps)
        if len(chosen) == most:
            break
    return chosen


def _levels(values: NDArray[np.int64]) -> list[int]:
    """Some of the different values, evenly by the number of steps."""
    ascending = sorted(values.tolist())
    last = len(ascending) - 1
    return sorted({ascending[round(last * level / (_LEVELS - 1))] for level in range(_LEVELS)}) if ascending else []


def _least_work(problem: Problem) -> NDArray[np.float64]:
    """Per step, the quanta for which its least demanding mode would occupy the whole cluster."""
    totals = [
        sum(len(group.nodes) * group.amounts[dimension] for group in problem.groups)
        for dimension in range(len(problem.groups[0].amounts))
    ]
    return np.array([min(_work(mode, totals) for mode in modes) for modes in problem.mode_table.modes])


def _work(mode: ExecutionMode, totals: Sequence[int]) -> float:
    shares = [amount / total for amount, total in zip(mode.amounts, totals, strict=True) if total]
    return mode.duration * max(shares, default=0.0)
