"""Crashing: spend a budget on the longest path, where time is worth most if capacity is plentiful.

The greedy heuristic for the project time-cost trade-off (Fulkerson 1961, doi:10.1287/mnsc.7.2.167), without capacities.
"""

from typing import NamedTuple

import numpy as np

from planners.scheduling.list_scheduling.compiled import longest_tails
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
    durations: list[int] = quickest.astype(np.int64).tolist()
    assert problem.budget_usd is not None
    spare = problem.budget_usd - sum(usd)
    tails = longest_tails(problem, durations)
    for _ in range(_ROUNDS):
        path = _longest_path(problem, tails)
        offers = [
            _Offer((durations[step] - quanta) / max(price - usd[step], 1e-12), durations[step] - quanta, step, price)
            for step, row, prices in zip(path, table.duration[path].tolist(), table.usd[path].tolist(), strict=True)
            for quanta, price in zip(row, prices, strict=True)
            if quanta < durations[step] and price - usd[step] <= spare
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
    longest = max(tails, default=0)
    return Crashed(usd, durations, [float(longest - tail + own) for tail, own in zip(tails, durations, strict=True)])


def _longest_path(problem: Problem, tails: list[int]) -> list[int]:
    step = tails.index(max(tails))
    path = [step]
    while children := problem.children[step]:
        step = max(children, key=tails.__getitem__)
        path.append(step)
    return path
