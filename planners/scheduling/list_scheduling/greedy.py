"""Greedy: whatever is declared first is placed first, where it suits the objective best at that moment."""

from planners.scheduling.list_scheduling.partial_schedule import Schedule
from planners.scheduling.list_scheduling.score import objective_score
from planners.scheduling.list_scheduling.serial import serial
from planners.scheduling.problem.problem import Problem


def greedy(problem: Problem) -> Schedule:
    """The greedy schedule: topological order, no look at what comes after."""
    found = serial(problem, range(len(problem.steps)), objective_score(problem))
    assert found is not None, "nothing was asked that could make it give up"
    return found
