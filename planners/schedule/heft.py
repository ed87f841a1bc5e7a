"""HEFT: steps by upward rank, each placed where the objective likes it best, gaps filled by insertion.

Source: Topcuoglu, Hariri, Wu (2002), doi:10.1109/71.993206. Here a node holds several steps at once as its capacity
allows, and the choice of agent adds its dollars: the score of a choice is latency_weight * end + usd_weight * dollars.
"""

from planners.schedule.placing import Schedule, Score, serial
from planners.schedule.problem import Choice, Problem
from planners.schedule.ranks import by_rank, mean_durations, upward


def heft(problem: Problem) -> Schedule:
    """The HEFT schedule. Keeps to the budget; a deadline it only hopes to meet."""
    return serial(problem, by_rank(upward(problem, mean_durations(problem))), objective_score(problem))


def objective_score(problem: Problem) -> Score:
    """latency_weight * end + usd_weight * dollars."""
    per_quantum = problem.objective.latency_weight * problem.quantum_s
    per_usd = problem.objective.usd_weight

    def score(_step: int, end: int, choice: Choice) -> float:
        return per_quantum * end + per_usd * choice.usd

    return score
