"""Greedy: whatever is declared first is placed first, where it suits the objective best at that moment."""

from planners.schedule.heft import objective_score
from planners.schedule.placing import Schedule, serial
from planners.schedule.problem import Problem


def greedy(problem: Problem) -> Schedule:
    """The greedy schedule: topological order, no look at what comes after."""
    return serial(problem, range(len(problem.steps)), objective_score(problem))
