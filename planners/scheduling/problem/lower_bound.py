"""A lower bound on the objective without a search: the longest path, and the rounds in which capacity admits steps.

Where at most m steps run at once, some of them have to wait for others: of any m*j + 1 steps, j + 1 run one after
another. That is the bound of identical parallel machines, with the earliest start and the least time behind the steps
added. A list schedule that meets the bound (a chain, a fan-out in whole rounds) is optimal.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem


def lower_bound(problem: Problem) -> float:
    """The bound, in units of the objective: of the time, and of the cheapest mode of each step."""
    makespan = least_makespan(problem) if problem.objective.latency_weight > 0 else 0
    return problem.value(makespan, sum(problem.min_usd))


def least_makespan(problem: Problem) -> int:
    """No schedule ends sooner, in quanta."""
    return max(max(problem.min_tails, default=0), _rounds(problem))


def _rounds(problem: Problem) -> int:
    """The longest time that any scarce capacity enforces, in quanta."""
    heads, durations = np.array(earliest_starts(problem)), np.array(problem.min_durations)
    after = np.array(problem.min_tails) - durations
    longest = 0
    for steps, slots in _scarce(problem):
        rounds = _in_rounds(durations[steps], slots)
        longest = max(longest, int(heads[steps].min()) + int(after[steps].min()) + rounds)
    return longest


def earliest_starts(problem: Problem) -> list[int]:
    """When each step can start at the earliest, in quanta, whatever the capacity."""
    heads, durations, some_run = [0] * len(problem.steps), problem.min_durations, problem.has_in_flight
    ends = durations.copy()
    for step, parents in enumerate(problem.parents):
        if parents and not (some_run and problem.modes[step][-1].in_flight):
            head = 0
            for parent in parents:
                if ends[parent] > head:  # noqa: PLR1730 -- max takes longer, and there are thousands of edges
                    head = ends[parent]
            heads[step] = head
            ends[step] = head + durations[step]
    return heads


def _in_rounds(durations: NDArray[np.int64], slots: int) -> int:
    """The least time in which these steps run if so many run at once."""
    longest_first = np.sort(durations)[::-1]
    total = np.concatenate(([0], np.cumsum(longest_first)))
    rounds = np.arange((len(durations) - 1) // slots + 1)
    # Of the first slots * j + 1 steps, the j + 1 shortest.
    last = rounds * slots + 1
    return int(max(np.max(total[last] - total[last - rounds - 1]), -(-total[-1] // slots)))


def _scarce(problem: Problem) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Steps that all need the same capacity, and how many of them it can have at once at the most."""
    needs: dict[tuple[str, int], list[tuple[NDArray[np.int64], int]]] = {}
    for rows in problem.modes.classes:
        new = np.array([step for step in rows.steps.tolist() if step not in problem.modes.in_flight], dtype=np.int64)
        if not new.size:
            continue
        for capacity, amount in _always_needed(rows.modes).items():
            needs.setdefault(capacity, []).append((new, amount))
    for capacity, of_classes in needs.items():
        together = np.concatenate([steps for steps, _ in of_classes]), min(amount for _, amount in of_classes)
        for steps, amount in (together, *(of_classes if len(of_classes) > 1 else ())):
            slots = _slots(problem, capacity, amount)
            if 0 < slots < len(steps):
                yield steps, slots


def _always_needed(modes: Sequence[ExecutionMode]) -> dict[tuple[str, int], int]:
    """What every mode needs while it runs, and the least amount of it."""
    of_modes = []
    for mode in modes:
        need = {("node", dimension): amount for dimension, amount in enumerate(mode.amounts) if amount}
        need |= {("limit", use.limit): use.amount for use in mode.uses if use.hold is None and use.amount}
        of_modes.append(need)
    shared = set(of_modes[0]).intersection(*of_modes)
    return {capacity: min(need[capacity] for need in of_modes) for capacity in shared}


def _slots(problem: Problem, capacity: tuple[str, int], amount: int) -> int:
    kind, index = capacity
    if kind == "limit":
        return problem.limits[index].capacity // amount
    return sum(len(group.nodes) * (group.amounts[index] // amount) for group in problem.groups)
