"""Which part of a schedule to plan anew, and how the rest takes to what comes of it."""

from collections.abc import Sequence
from random import Random

from planners.scheduling.list_scheduling.partial_schedule import Schedule
from planners.scheduling.list_scheduling.priorities import by_priority
from planners.scheduling.list_scheduling.serial import replay
from planners.scheduling.problem.problem import Problem

_ANY = -1


def freed(problem: Problem, known: Schedule, draw: Random, count: int) -> list[int]:
    """Steps about one time, or a step with those it hangs together with, filled up with others of its time.

    At random; never work in flight.
    """
    bound = _bound(problem, known)
    free = [step for step in range(len(problem.steps)) if step not in bound]
    if not free:
        return []
    if draw.random() < 0.5:
        part, at = set[int](), draw.uniform(0, known.makespan)
    else:
        first = draw.choice(free)
        part, at = _connected(problem, first, bound, draw, count), known.start[first]
    near = sorted(set(free) - part, key=lambda step: (_distance(known, step, at), step))
    return sorted([*part, *near[: count - len(part)]])


def merged(
    problem: Problem, known: Schedule, free: Sequence[int], choice: Sequence[int], start: Sequence[int]
) -> Schedule:
    """The whole schedule with these choices and starts of the freed steps, everything moved as far ahead as it goes."""
    choices, starts, nodes = list(known.choice), list(known.start), list(known.node)
    for step, index, at in zip(free, choice, start, strict=True):
        choices[step], starts[step], nodes[step] = index, at, _ANY
    order = by_priority(problem, [-at for at in starts])
    return min((replay(problem, order, choices, of) for of in (nodes, None)), key=lambda made: made.value)


def _bound(problem: Problem, known: Schedule) -> frozenset[int]:
    """Work in flight that goes on, and what it needs to be as it is."""
    chosen = [(step, problem.choices[step][index]) for step, index in enumerate(known.choice)]
    going_on = {step for step, choice in chosen if choice.in_flight}
    return frozenset(going_on | {other for _, choice in chosen for other, _ in choice.requires})


def _distance(known: Schedule, step: int, at: float) -> float:
    return max(known.start[step] - at, at - known.end[step], 0.0)


def _connected(problem: Problem, first: int, bound: frozenset[int], draw: Random, count: int) -> set[int]:
    found, border = {first}, [first]
    while border and len(found) < count:
        step = border.pop(draw.randrange(len(border)))
        for other in (*problem.parents[step], *problem.children[step]):
            if other not in found and other not in bound and len(found) < count:
                found.add(other)
                border.append(other)
    return found
