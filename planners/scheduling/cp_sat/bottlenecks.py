"""Steps at which a workflow narrows: much has to be done before such a step starts, and much after it has ended."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.problem import Problem

# Of steps with nearly the same steps before and after them, one is enough: the share in which they have to differ.
_DIFFERENCE = 0.1
# With more steps, the table of what comes before what gets large.
_MOST_STEPS = 4000


class Bottleneck(NamedTuple):
    """A step, and for every step whether it has to end before this one starts, or start after it has ended."""

    step: int
    before: NDArray[np.bool_]
    after: NDArray[np.bool_]


def bottlenecks(problem: Problem, most: int) -> list[Bottleneck]:
    """The narrowest steps: those with the most work before and after them, at most ``most``.

    Empty where attempts are in flight, because these do not wait for their parents.
    """
    count = len(problem.steps)
    if problem.has_in_flight or count > _MOST_STEPS:
        return []
    before = np.zeros((count, count), dtype=np.bool_)
    for step, parents in enumerate(problem.parents):
        for parent in parents:
            before[step] |= before[parent]
            before[step, parent] = True
    work = np.array(problem.min_durations, dtype=np.float64)
    around = before @ work + work @ before + work
    chosen: list[Bottleneck] = []
    for step in np.argsort(-around, kind="stable").tolist():
        if len(chosen) == most or around[step] < around.max() / 2:
            break
        found = Bottleneck(step, before[step], before[:, step].copy())
        if all(_difference(found, other) > _DIFFERENCE * count for other in chosen):
            chosen.append(found)
    return chosen


def _difference(one: Bottleneck, other: Bottleneck) -> int:
    return int((one.before != other.before).sum() + (one.after != other.after).sum())
