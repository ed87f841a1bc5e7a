"""Greedy: whatever is declared first is placed first, where it suits the objective best at that moment."""

from planners.schedule.placing import Schedule
from planners.schedule.problem import Problem
from planners.schedule.score import objective_score
from planners.schedule.serial import serial


def greedy(problem: Problem) -> Schedule:
    """The greedy schedule: topological order, no look at what comes after."""
    found = serial(problem, range(len(problem.steps)), objective_score(problem))
    assert found is not None, "nothing was asked that could make it give up"
    return found
