"""HEFT: steps by upward rank, each placed where the objective likes it best, gaps filled by insertion.

Source: Topcuoglu, Hariri, Wu (2002), doi:10.1109/71.993206. Here a node holds several steps at once as its capacity
allows, and the choice of agent adds its dollars: the score of a choice is latency_weight * end + usd_weight * dollars.
"""

from planners.schedule.placing import Schedule
from planners.schedule.problem import Problem
from planners.schedule.ranks import by_rank, upward
from planners.schedule.score import objective_score
from planners.schedule.serial import serial


def heft(problem: Problem) -> Schedule:
    """The HEFT schedule. Keeps to the budget; a deadline it only hopes to meet."""
    found = serial(problem, by_rank(upward(problem, problem.mean_durations)), objective_score(problem))
    assert found is not None, "nothing was asked that could make it give up"
    return found
