"""HEFT: steps by upward rank, each in the mode of least score, filling gaps by insertion.

Source: Topcuoglu, Hariri, Wu (2002), doi:10.1109/71.993206. Unlike there, a node executes several steps at once as its
capacity allows, and agents have prices: the score of a mode is latency_weight * end + usd_weight * usd.
"""

from planners.scheduling.list_scheduling.priorities import rank_order
from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.list_scheduling.score import objective_score
from planners.scheduling.list_scheduling.serial import serial_schedule
from planners.scheduling.problem.problem import Problem


def heft(problem: Problem) -> Schedule:
    """The HEFT schedule. It keeps to the budget, but may miss the deadline."""
    schedule = serial_schedule(problem, rank_order(problem).order, objective_score(problem))
    assert schedule is not None, "only a cutoff makes serial_schedule give up"
    return schedule
