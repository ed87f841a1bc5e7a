"""The price of a dollar at which steps that choose their modes independently keep to the budget."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.list_scheduling.compiled import compiled_passes
from planners.scheduling.problem.problem import Problem

_BISECTIONS = 12
_MAX_PRICE = 1e12


class PricedChoice(NamedTuple):
    """A price in units of the objective per dollar, what each step spends at it, and how long it then takes.

    ``usd`` is empty if the steps do not keep to the budget at any price.
    """

    price: float
    usd: Sequence[float]
    durations: Sequence[int]


def priced_choice(problem: Problem, time: NDArray[np.float64]) -> PricedChoice:
    """What the steps choose at the lowest price at which they keep to the budget.

    Args:
        problem: the problem; it has a budget.
        time: what the time of every mode costs, in units of the objective, in rows as in ``Problem.mode_table``.
    """
    table, budget = problem.mode_table, problem.budget_usd
    assert budget is not None

    def by_arrays(price: float) -> tuple[float, NDArray[np.int64]]:
        modes: NDArray[np.int64] = np.argmin(time + price * table.usd, axis=1)
        # Added one after the other, as the kernel does it.
        return float(np.cumsum(table.usd[table.rows, modes])[-1]), modes

    if (compiled := compiled_passes(problem)) is not None:
        high, spent, modes = compiled.price(time, budget)
        return _choice(problem, high, spent, modes)
    low = high = 0.0
    while by_arrays(high)[0] > budget and high < _MAX_PRICE:
        low, high = high, max(1.0, high * 8)
    for _ in range(_BISECTIONS if high else 0):
        middle = (low + high) / 2
        low, high = (low, middle) if by_arrays(middle)[0] <= budget else (middle, high)
    spent, modes = by_arrays(high)
    return _choice(problem, high, spent, modes)


def _choice(problem: Problem, price: float, spent: float, modes: NDArray[np.int64]) -> PricedChoice:
    table, budget = problem.mode_table, problem.budget_usd
    assert budget is not None
    usd, durations = table.usd[table.rows, modes], table.duration[table.rows, modes]
    return PricedChoice(price, usd.tolist() if spent <= budget else [], durations.astype(np.int64).tolist())
