"""HEFT: steps by upward rank, each placed where the objective likes it best, gaps filled by insertion.

Source: Topcuoglu, Hariri, Wu (2002), doi:10.1109/71.993206. Here a node holds several steps at once as its capacity
allows, and the choice of agent adds its dollars: the score of a choice is latency_weight * end + usd_weight * dollars.
"""

from planners.scheduling.list_scheduling.partial_schedule import Schedule
from planners.scheduling.list_scheduling.priorities import by_rank, upward
from planners.scheduling.list_scheduling.score import objective_score
from planners.scheduling.list_scheduling.serial import serial
from planners.scheduling.problem.problem import Problem


def heft(problem: Problem) -> Schedule:
    """The HEFT schedule. Keeps to the budget; a deadline it only hopes to meet."""
    found = serial(problem, by_rank(upward(problem, problem.mean_durations)), objective_score(problem))
    assert found is not None, "nothing was asked that could make it give up"
    return found
