"""Neighbourhoods: the steps to destroy, and the schedule after their repair."""

from collections.abc import Sequence
from random import Random

from planners.scheduling.list_scheduling.priorities import order_by_priority
from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.list_scheduling.serial import replay
from planners.scheduling.problem.problem import Problem

# The node of a step that may be placed on any of its group.
ANY_NODE = -1
_BY_TIME = 0.5


def destroy(problem: Problem, known: Schedule, rng: Random, count: int) -> list[int]:
    """Choose ``count`` steps at random: around one time, or connected to one step and around its start.

    Attempts in flight are never chosen.
    """
    kept = kept_steps(problem, known)
    candidates = [step for step in range(len(problem.steps)) if step not in kept]
    if not candidates:
        return []
    if rng.random() < _BY_TIME:
        connected, at = set[int](), rng.uniform(0, known.makespan)
    else:
        first = rng.choice(candidates)
        connected, at = _connected(problem, first, kept, rng, count), known.start[first]
    nearest = sorted(set(candidates) - connected, key=lambda step: (_distance(known, step, at), step))
    return sorted([*connected, *nearest[: count - len(connected)]])


def repair(
    problem: Problem, known: Schedule, destroyed: Sequence[int], mode: Sequence[int], start: Sequence[int]
) -> Schedule:
    """The whole schedule with these modes and starts of the destroyed steps, all steps as early as possible."""
    modes, starts, nodes = list(known.mode), list(known.start), list(known.node)
    for step, index, at in zip(destroyed, mode, start, strict=True):
        modes[step], starts[step], nodes[step] = index, at, ANY_NODE
    order = order_by_priority(problem, [-at for at in starts])
    schedules = (replay(problem, order, modes, on_nodes) for on_nodes in (nodes, None))
    return min(schedules, key=lambda schedule: schedule.value)


def kept_steps(problem: Problem, known: Schedule) -> frozenset[int]:
    """Steps that continue attempts in flight, and the steps that these attempts require."""
    modes = [(step, problem.modes[step][index]) for step, index in enumerate(known.mode)]
    running = {step for step, mode in modes if mode.in_flight}
    return frozenset(running | {other for _, mode in modes for other, _ in mode.requires})


def _distance(known: Schedule, step: int, at: float) -> float:
    return max(known.start[step] - at, at - known.end[step], 0.0)


def _connected(problem: Problem, first: int, kept: frozenset[int], rng: Random, count: int) -> set[int]:
    found, border = {first}, [first]
    while border and len(found) < count:
        step = border.pop(rng.randrange(len(border)))
        for other in (*problem.parents[step], *problem.children[step]):
            if other not in found and other not in kept and len(found) < count:
                found.add(other)
                border.append(other)
    return found
