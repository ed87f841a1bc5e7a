"""Crashing: spend a budget on the longest path, where time is worth most if capacity is plentiful.

The greedy heuristic for the project time-cost trade-off (Fulkerson 1961, doi:10.1287/mnsc.7.2.167), without capacities.
"""

from typing import NamedTuple

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


def crashed(problem: Problem) -> Crashed:
    """Start with the cheapest modes, and buy faster ones for steps of the longest path while the budget allows it."""
    modes = problem.mode_table.modes
    chosen = [min(row, key=lambda mode: (mode.usd, mode.duration), default=None) for row in modes]
    usd = [mode.usd if mode else 0.0 for mode in chosen]
    durations = [mode.duration if mode else 0 for mode in chosen]
    assert problem.budget_usd is not None
    spare = problem.budget_usd - sum(usd)
    tails = longest_tails(problem, durations)
    for _ in range(_ROUNDS):
        offers = [
            (
                (durations[step] - mode.duration) / max(mode.usd - usd[step], 1e-12),
                durations[step] - mode.duration,
                step,
                k,
            )
            for step in _longest_path(problem, tails)
            for k, mode in enumerate(modes[step])
            if mode.duration < durations[step] and mode.usd - usd[step] <= spare
        ]
        if not offers:
            break
        least = _NEAR_BEST * max(offers)[0]
        _, _, step, k = max((offer for offer in offers if offer[0] >= least), key=lambda offer: offer[1:])
        spare -= modes[step][k].usd - usd[step]
        usd[step], durations[step] = modes[step][k].usd, modes[step][k].duration
        tails = longest_tails(problem, durations)
    longest = max(tails, default=0)
    return Crashed(usd, durations, [float(longest - tail + own) for tail, own in zip(tails, durations, strict=True)])


def _longest_path(problem: Problem, tails: list[int]) -> list[int]:
    step = max(range(len(tails)), key=tails.__getitem__)
    path = [step]
    while children := problem.children[step]:
        step = max(children, key=tails.__getitem__)
        path.append(step)
    return path
