"""The price of a dollar at which steps that choose their modes independently keep to the budget."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.list_scheduling.compiled import compiled_passes
from planners.scheduling.problem.mode_table import ModeTable
from planners.scheduling.problem.problem import Problem

# A price is found between two whose ratio is the step, which are bisected so often; none is lower or higher.
_STEP, _BISECTIONS = 4.0, 10
_MIN_PRICE, _MAX_PRICE = 1e-6, 1e12


class PricedChoice(NamedTuple):
    """A price in units of the objective per dollar, what each step spends at it, and how long it then takes.

    ``usd`` is empty if the steps do not keep to the budget at any price.
    """

    price: float
    usd: NDArray[np.float64]
    durations: NDArray[np.int64]


def priced_choice(problem: Problem, time: NDArray[np.float64], guess: float = 1.0) -> PricedChoice:
    """What the steps choose at the lowest price at which they keep to the budget.

    Args:
        problem: the problem; it has a budget.
        time: what the time of every mode costs, in units of the objective, in rows as in ``Problem.mode_table``.
        guess: a price above 0; the closer, the sooner the price is found.
    """
    assert problem.budget_usd is not None
    guess = min(max(guess, _MIN_PRICE), _MAX_PRICE)
    if (compiled := compiled_passes(problem)) is not None:
        return _choice(problem, *compiled.price(time, problem.budget_usd, guess))
    return _choice(problem, *_price(problem.mode_table, time, problem.budget_usd, guess))


def _price(
    table: ModeTable, time: NDArray[np.float64], budget_usd: float, guess: float
) -> tuple[float, float, NDArray[np.int64]]:
    """(price, dollars, modes), as the kernel finds them."""

    def at(price: float) -> tuple[float, NDArray[np.int64]]:
        modes: NDArray[np.int64] = np.argmin(time + price * table.usd, axis=1)
        # Added one after the other, as the kernel does it.
        return float(np.cumsum(table.usd[table.rows, modes])[-1]), modes

    spent, modes = at(0.0)
    if spent <= budget_usd:
        return 0.0, spent, modes
    low, high = 0.0, guess
    while at(high)[0] > budget_usd and high < _MAX_PRICE:
        low, high = high, high * _STEP
    while low == 0.0 and high > _MIN_PRICE:
        low, high = (0.0, high / _STEP) if at(high / _STEP)[0] <= budget_usd else (high / _STEP, high)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if at(middle)[0] <= budget_usd else (middle, high)
    return high, *at(high)


def _choice(problem: Problem, price: float, spent: float, modes: NDArray[np.int64]) -> PricedChoice:
    table, budget = problem.mode_table, problem.budget_usd
    assert budget is not None
    usd, durations = table.usd[table.rows, modes], table.duration[table.rows, modes]
    return PricedChoice(price, usd if spent <= budget else usd[:0], durations.astype(np.int64))
