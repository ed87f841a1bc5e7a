"""The cheapest consistent choice of modes, by integer programming: which attempts in flight a tight budget needs."""

import numpy as np
from scipy.sparse import coo_array

from planners.scheduling.list_scheduling.priorities import rank_order
from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.list_scheduling.serial import replay
from planners.scheduling.problem.problem import Problem

# A bound on the search, in branches, so that the result does not depend on the machine.
_BRANCHES = 1000


def cheapest_schedule(problem: Problem) -> Schedule | None:
    """The schedule of `cheapest_modes`; None if there is none in which all attempts in flight continue at once."""
    modes = cheapest_modes(problem)
    if modes is None:
        return None
    schedule = replay(problem, rank_order(problem).order, modes)
    running = (i for i, index in enumerate(modes) if problem.modes[i][index].in_flight)
    return None if any(schedule.start[i] > 0 for i in running) else schedule


def cheapest_modes(problem: Problem) -> list[int] | None:
    """Per step, its mode in the cheapest choice that meets all requirements of attempts in flight; None: not found."""
    # Imported here: few plans need it, and it takes a third of the time in which a small task is planned and run.
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 (see above)

    first = np.cumsum([0, *(len(modes) for modes in problem.modes)])
    columns = [(step, index, mode) for step, modes in enumerate(problem.modes) for index, mode in enumerate(modes)]
    # Row by row: exactly one mode a step, then "a mode is chosen only if one of the allowed ones is".
    entries = [(step, column, 1.0) for column, (step, _, _) in enumerate(columns)]
    lower, upper = [1.0] * len(problem.steps), [1.0] * len(problem.steps)
    for column, (_, _, mode) in enumerate(columns):
        for other, allowed in mode.requires:
            row = len(lower)
            entries += [(row, first[other] + i, 1.0) for i in allowed] + [(row, column, -1.0)]
            lower.append(0.0)
            upper.append(np.inf)
    rows, cols, values = zip(*entries, strict=True)
    matrix = coo_array((values, (rows, cols)), shape=(len(lower), len(columns)))
    answer = milp(
        [mode.usd for _, _, mode in columns],
        integrality=np.ones(len(columns)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(matrix.tocsr(), lower, upper),
        options={"node_limit": _BRANCHES},
    )
    if answer.x is None:
        return None
    return [int(np.argmax(answer.x[first[step] : first[step + 1]])) for step in range(len(problem.steps))]
