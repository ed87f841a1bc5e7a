"""Prices of capacities: what the time of each group of nodes, and of each shared limit, is worth where it is scarce.

Where the best mode of each step is chosen independently of the others, all are on the nodes that are fast or cheap, and
wait for each other. The price of a capacity rises while the chosen modes need more of it than there is, and falls while
they need less: multipliers of the capacity constraints by multiplicative updates (Arora, Hazan, Kale 2012,
doi:10.4086/toc.2012.v008a006).
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem

_ROUNDS = 12
# The load at which a price stays: if all of a capacity were taken, few steps could start when they are ready.
_FULL = 0.9
# The price of occupying all of a capacity for a quantum, in quanta of delay: the first, the lowest and the highest.
_FIRST, _LOWEST, _HIGHEST = 0.3, 1e-3, 1e3
# The price of a dollar follows twice as fast.
_OF_DOLLARS = 2.0
# The logarithm of the largest factor of a round: the modes chosen first may cost a million times the budget.
_MOST_CHANGE = 50.0


class CapacityPrices:
    """The prices of the capacities of a problem."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    @cached_property
    def _work(self) -> NDArray[np.float64]:
        """Per capacity, the quanta for which each mode would occupy all of it; rows as in ``Problem.mode_table``."""
        table = self._problem.mode_table
        width = table.duration.shape[1]
        work = np.zeros((len(self._problem.steps), width, len(self._problem.groups) + len(self._problem.limits)))
        for rows in (rows for rows in table.classes if rows.modes):
            taken = np.array([_taken(self._problem, mode) for mode in rows.modes])
            shares, holds = taken[:, 0], taken[:, 1]
            at = table.positions[rows.steps]
            work[rows.steps] = rows.duration[rows.row[:, None], at][:, :, None] * shares[at] + holds[at]
        work[~table.exists] = 0.0
        by_capacity = np.moveaxis(work, 2, 0)
        return np.ascontiguousarray(by_capacity[by_capacity.any(axis=(1, 2))])

    def are_due(self, costs: NDArray[np.float64], time: float, dollar: float) -> bool:
        """Whether any capacity is scarce, i.e. would be taken for most of the time if it cost nothing."""
        modes = np.argmin(costs + dollar * self._problem.mode_table.usd, axis=1)
        return bool((self._load(modes, time) > _FULL).any())

    def occupied(
        self, costs: NDArray[np.float64], per_quantum: float, time: float, dollar: float
    ) -> NDArray[np.float64]:
        """What the capacity that each mode takes is worth, in units of the objective.

        Args:
            costs: what else a mode costs, dollars apart, in rows as in ``Problem.mode_table``.
            per_quantum: what a quantum of delay costs.
            time: the quanta in which all work is to be done.
            dollar: the price of a dollar to begin with; it changes if there is a budget.
        """
        table, budget_usd = self._problem.mode_table, self._problem.budget_usd
        by_capacity = per_quantum * self._work.reshape(len(self._work), -1)
        prices, total = np.full(len(by_capacity), _FIRST), np.zeros(len(by_capacity))
        for round_ in range(_ROUNDS):
            worth = (prices @ by_capacity).reshape(costs.shape)
            modes = np.argmin(costs + worth + dollar * table.usd, axis=1)
            prices = np.clip(prices * _factor(self._load(modes, time) - _FULL), _LOWEST, _HIGHEST)
            if budget_usd:
                dollar *= float(_factor(_OF_DOLLARS * (table.usd[table.rows, modes].sum() / budget_usd - 1)))
            if round_ >= _ROUNDS // 2:
                total += prices
        mean = total / (_ROUNDS - _ROUNDS // 2)
        found: NDArray[np.float64] = (mean @ by_capacity).reshape(costs.shape)
        return found

    def _load(self, modes: NDArray[np.int64], time: float) -> NDArray[np.float64]:
        """The share of the time for which these modes would occupy each capacity."""
        load: NDArray[np.float64] = self._work[:, self._problem.mode_table.rows, modes].sum(axis=1) / time
        return load


def _factor(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """What prices are multiplied by."""
    factor: NDArray[np.float64] = np.exp(np.minimum(change, _MOST_CHANGE))
    return factor


def _taken(problem: Problem, mode: ExecutionMode) -> tuple[list[float], list[float]]:
    """The share of each capacity that a call takes while it runs, and the quanta for which it takes all of it."""
    groups, limits = problem.groups, problem.limits
    shares, holds = [0.0] * (len(groups) + len(limits)), [0.0] * (len(groups) + len(limits))
    group = groups[mode.group]
    of_node = (amount / most for amount, most in zip(mode.amounts, group.amounts, strict=True) if most)
    shares[mode.group] = max(of_node, default=0.0) / len(group.nodes)
    for use in mode.uses:
        share = use.amount / (limits[use.limit].capacity or 1)
        if use.hold is None:
            shares[len(groups) + use.limit] += share
        else:
            holds[len(groups) + use.limit] += share * use.hold
    return shares, holds
