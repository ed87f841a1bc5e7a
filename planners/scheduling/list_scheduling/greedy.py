"""Greedy: schedule steps in the order of declaration, each where it minimises the objective at that moment."""

from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.list_scheduling.score import objective_score
from planners.scheduling.list_scheduling.serial import serial_schedule
from planners.scheduling.problem.problem import Problem


def greedy(problem: Problem) -> Schedule:
    """The greedy schedule: topological order, without lookahead."""
    schedule = serial_schedule(problem, range(len(problem.steps)), objective_score(problem))
    assert schedule is not None, "only a cutoff makes serial_schedule give up"
    return schedule
