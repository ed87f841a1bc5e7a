"""Crashing: spend a budget on the longest path, where time is worth most if capacity is plentiful.

The greedy heuristic for the project time-cost trade-off (Fulkerson 1961, doi:10.1287/mnsc.7.2.167), without capacities.
"""

from typing import NamedTuple

import numpy as np

from planners.scheduling.list_scheduling.compiled import longest_tails, steps_of_longest_path
from planners.scheduling.problem.problem import Problem

_ROUNDS = 24
# Of the modes whose saving per dollar is at least this share of the best one's, the one that saves most is bought.
_NEAR_BEST = 0.5


class Crashed(NamedTuple):
    """The modes that were bought, by step: their cost, their duration, and their latest end for the longest path."""

    usd: list[float]
    durations: list[int]
    latest: list[float]


class _Offer(NamedTuple):
    """What a faster mode of a step saves, per dollar and in quanta, and its price."""

    per_dollar: float
    quanta: float
    step: int
    usd: float


def crashed(problem: Problem) -> Crashed:
    """Start with the cheapest modes, and buy faster ones for steps of the longest path while the budget allows it."""
    table = problem.mode_table
    cheapest = table.usd.min(axis=1)
    usd: list[float] = cheapest.tolist()
    quickest = np.where(table.usd == cheapest[:, None], table.duration, np.inf).min(axis=1)
    durations = quickest.astype(np.int64)
    assert problem.budget_usd is not None
    spare = problem.budget_usd - sum(usd)
    for _ in range(_ROUNDS):
        path = steps_of_longest_path(problem, durations)
        of_path = (of[path].tolist() for of in (durations, table.duration, table.usd))
        offers = [
            _Offer((own - quanta) / max(price - usd[step], 1e-12), own - quanta, step, price)
            for step, own, row, prices in zip(path, *of_path, strict=True)
            for quanta, price in zip(row, prices, strict=True)
            if quanta < own and price - usd[step] <= spare
        ]
        if not offers:
            break
        least = _NEAR_BEST * max(offers)[0]
        good = [offer for offer in reversed(offers) if offer.per_dollar >= least]  # of equal ones, the last
        bought = max(good, key=lambda offer: offer[1:3])
        spare -= bought.usd - usd[bought.step]
        usd[bought.step] = bought.usd
        durations[bought.step] -= int(bought.quanta)
    tails = longest_tails(problem, durations)
    longest = max(tails)
    taken: list[int] = durations.tolist()
    return Crashed(usd, taken, [float(longest - tail + own) for tail, own in zip(tails, taken, strict=True)])
